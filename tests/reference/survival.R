# Numbers that crlm/survival.py has to reproduce. Run in this folder: Rscript survival.R
# Written with R 4.2.2 and its package survival 3.5-3 (survdiff there takes no late entry;
# the log-rank test with late entry is the score test of coxph with ties = "exact").
library(survival)

TRANSFORMS <- c("plain", "log", "log-log")
TOLERANCE <- sqrt(.Machine$double.eps)

label <- function(...) {
  columns <- list(...)
  levels <- lapply(names(columns), function(name) {
    value <- as.factor(columns[[name]])
    factor(paste0(name, "=", value), paste0(name, "=", levels(value)))
  })
  interaction(levels, sep = ",", lex.order = TRUE, drop = TRUE)
}

right <- function(time, event, group) {
  data.frame(entry = 0, time = time, event = as.numeric(event), group = group)
}

# The real data sets, as tests/test_survival.py builds them from the same data.
deaths <- subset(colon, etype == 2)
deaths$months <- ceiling(deaths$time / 30.4375)
near <- lung$time / 30.4375 + 1e-10 * (seq_along(lung$time) %% 3)  # ties but for rounding
late <- subset(mgus2, futime > 0)
edge <- read.table(header = TRUE, text = "
  group time event
  censored 1 0
  censored 2 0
  censored 3 0
  one 5 1
  tied 4 1
  tied 4 1
  tied 4 1
  zero 0 1
  zero 0 1
  zero 3 0
  zero 4 1
  plateau 1 1
  plateau 2 1
  plateau 3 0
  plateau 4 0
  half 1 1
  half 2 1
  half 3 0
  half 4 1
  last 1 0
  last 2 0
  last 3 1")
edge$group <- factor(edge$group, unique(edge$group))

sets <- list(
  colon = with(deaths, right(months, status, label(rx = rx))),
  colon_joint = with(deaths, right(months, status, label(rx = rx, sex = sex))),
  lung = with(lung, right(time, status == 2, label(sex = sex))),
  lung_near = with(lung, right(near, status == 2, label(ph.ecog = ph.ecog))),
  veteran = with(veteran, right(time, status, label(celltype = celltype))),
  heart = with(heart, data.frame(entry = start, time = stop, event = event,
                                 group = label(transplant = transplant))),
  mgus2 = with(late, data.frame(entry = 12 * age, time = 12 * age + futime, event = death,
                                group = label(sex = sex))),
  edge = with(edge, right(time, event, label(group = group)))
)
sets$lung_near <- sets$lung_near[!is.na(lung$ph.ecog), ]
times <- list(
  colon = c(0, 0.5, 12, 36, 60, 108, 109, 200), colon_joint = c(12, 36, 60),
  lung = c(0, 5, 5.5, 180, 365, 1022, 1023), lung_near = c(1, 6, 12, 24, 36),
  veteran = c(1, 30, 100, 250, 999, 1000), heart = c(0, 0.5, 30, 100, 365, 1400, 1401),
  mgus2 = c(700, 840, 900, 960, 1080, 1200), edge = c(0, 0.5, 1, 2, 3, 4, 5, 6)
)
taus <- list(colon = c(36, 60), colon_joint = 60, lung = c(365, 500), lung_near = c(12, 24),
             veteran = c(90, 180), heart = c(100, 365, 1000), mgus2 = c(900, 1080))

late_entry <- function(data) any(data$entry > 0)
outcome <- function(data) {
  if (late_entry(data)) Surv(data$entry, data$time, data$event) else Surv(data$time, data$event)
}
fit <- function(data, conf_type, ...) {
  y <- outcome(data)
  survfit(y ~ 1, conf.type = conf_type, ...)
}
first <- function(time, level) c(time[which(level < 0.5 + TOLERANCE)], NA)[1]
by_group <- function(name, f) {
  data <- sets[[name]]
  # times are made equal before the data are parted, as survfit(y ~ group) does
  if (!late_entry(data)) data$time <- aeqSurv(Surv(data$time, data$event))[, 1]
  parts <- split(data, data$group)
  do.call(rbind, lapply(names(parts), function(group) {
    cbind(dataset = name, group = group, f(parts[[group]], name))
  }))
}
limits <- function(data, columns) {
  out <- lapply(TRANSFORMS, function(type) {
    found <- columns(fit(data, type))
    setNames(found, paste(sub("-", "", type), c("low", "high"), sep = "_"))
  })
  do.call(cbind, out)
}

steps <- function(data, name) {
  s <- summary(fit(data, "log"), censored = TRUE)
  at <- function(f) {
    s <- summary(f, censored = TRUE)
    data.frame(s$lower, s$upper)
  }
  cbind(data.frame(time = s$time, n_risk = s$n.risk, n_event = s$n.event, n_censor = s$n.censor,
                   survival = s$surv, std_error = s$std.err), limits(data, at))
}

rates <- function(data, name) {
  asked <- times[[name]]
  asked <- asked[asked <= max(data$time)]
  if (!length(asked)) return(NULL)
  s <- summary(fit(data, "log"), times = asked)
  at <- function(f) {
    s <- summary(f, times = asked)
    data.frame(s$lower, s$upper)
  }
  under <- ifelse(data$entry > 0, data$entry, -Inf)
  n <- sapply(asked, function(t) sum(under < t & t <= data$time))
  if (!late_entry(data)) stopifnot(n == s$n.risk)
  cbind(data.frame(time = asked, n_risk = n, survival = s$surv, std_error = s$std.err),
        limits(data, at))
}

medians <- function(data, name, level = 0.95) {
  do.call(rbind, lapply(TRANSFORMS, function(type) {
    f <- fit(data, type, conf.int = level)
    printed <- summary(f)$table[7:9]
    rbind(
      data.frame(conf_type = type, conf_level = level, rule = "midpoint", median = printed[1],
                 low = printed[2], high = printed[3]),
      data.frame(conf_type = type, conf_level = level, rule = "first",
                 median = first(f$time, f$surv), low = first(f$time, f$lower),
                 high = first(f$time, f$upper)))
  }))
}

reversed <- function(data, name) medians(transform(data, event = 1 - event), name)
restricted <- function(data, name) {
  do.call(rbind, lapply(taus[[name]], function(tau) {
    found <- summary(fit(data, "plain"), rmean = tau)$table
    data.frame(tau = tau, rmst = found["rmean"], se = found["se(rmean)"])
  }))
}

test <- function(dataset, by, strata, found, df) {
  data.frame(dataset = dataset, by = by, strata = strata, chisq = found, df = df,
             p = pchisq(found, df, lower.tail = FALSE))
}
logrank <- function(dataset, by, strata, formula, data) {
  found <- survdiff(formula, data)
  test(dataset, by, strata, found$chisq, sum(rowSums(cbind(found$exp)) > 0) - 1)
}
score <- function(dataset, by, strata, formula, data) {
  found <- coxph(formula, data, ties = "exact")
  test(dataset, by, strata, found$score, length(coef(found)))
}
small <- subset(late, dxyr < 1975)
tests <- rbind(
  logrank("colon", "rx", "", Surv(months, status) ~ rx, deaths),
  logrank("colon", "rx", "sex", Surv(months, status) ~ rx + strata(sex), deaths),
  logrank("colon", "rx,sex", "", Surv(months, status) ~ rx + sex, deaths),
  logrank("colon", "rx", "sex,differ", Surv(months, status) ~ rx + strata(sex, differ), deaths),
  logrank("lung", "sex", "", Surv(time, status) ~ sex, lung),
  logrank("lung", "sex", "ph.ecog", Surv(time, status) ~ sex + strata(ph.ecog), lung),
  logrank("lung", "ph.ecog", "", Surv(time, status) ~ ph.ecog, lung),
  logrank("lung_near", "ph.ecog", "", Surv(near, status) ~ ph.ecog, lung),
  logrank("veteran", "celltype", "", Surv(time, status) ~ celltype, veteran),
  logrank("veteran", "celltype", "trt", Surv(time, status) ~ celltype + strata(trt), veteran),
  score("heart", "transplant", "", Surv(start, stop, event) ~ transplant, heart),
  score("heart", "transplant", "surgery",
        Surv(start, stop, event) ~ transplant + strata(surgery), heart),
  score("mgus2_1974", "sex", "", Surv(12 * age, 12 * age + futime, death) ~ sex, small),
  score("mgus2_1974", "dxyr", "", Surv(12 * age, 12 * age + futime, death) ~ factor(dxyr), small)
)

save <- function(table, file) {
  numeric <- sapply(table, is.numeric)
  table[numeric] <- lapply(table[numeric], function(x) ifelse(is.na(x), "", sprintf("%.15g", x)))
  write.csv(table, file, row.names = FALSE, quote = which(!numeric))
}
each <- function(names, f) do.call(rbind, lapply(names, by_group, f))
save(each(c("colon", "lung", "heart", "edge"), steps), "survival_curves.csv")
save(each(names(sets), rates), "survival_rates.csv")
save(rbind(each(names(sets), medians), each("lung", function(d, n) medians(d, n, 0.9))),
     "survival_medians.csv")
save(each(c("colon", "lung", "veteran", "heart"), reversed), "survival_follow_up.csv")
save(each(names(taus), restricted), "survival_rmst.csv")
save(tests, "survival_tests.csv")
