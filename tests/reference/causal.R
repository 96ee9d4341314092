# The numbers that tests/test_causal*.py compare with (R 4.2.2, survival 3.5-3, survey 4.1-1).
# Run in the root of the checkout: Rscript tests/reference/causal.R
# Writes tests/reference/causal.csv (15 significant digits).

suppressMessages({library(survival); library(survey)})

tight <- coxph.control(eps = 1e-11, iter.max = 50)  # R's default stops at 1e-9
exact <- list(epsilon = 1e-14, maxit = 100)
out <- NULL
note <- function(case, quantity, value) {
  value <- trimws(formatC(as.numeric(value), digits = 15, format = "g"))
  out <<- rbind(out, data.frame(case, quantity, value, row.names = NULL))
}
effective <- function(w) sum(w)^2 / sum(w^2)
smd <- function(x, t, w = rep(1, length(x))) {
  m <- function(k) weighted.mean(x[t == k], w[t == k])
  (m(1) - m(0)) / sqrt((var(x[t == 1]) + var(x[t == 0])) / 2)
}
auc <- function(e, t) {
  r <- rank(e)
  (sum(r[t == 1]) - sum(t) * (sum(t) + 1) / 2) / (sum(t) * sum(1 - t))
}
robust <- function(case, name, fit) note(case, paste0(name, c("_log_hr", "_se")),
                                         c(coef(fit)[1], sqrt(vcov(fit)[1, 1])))

# ---- propensity, weights, balance, weighted and doubly robust effects ----------
weighted <- function(case, d, formula, at, conditional) {
  d$treated <- d$t
  ps <- glm(formula, binomial, d, control = exact)
  e <- fitted(ps)
  note(case, paste0("ps_", seq_along(coef(ps))), coef(ps))
  note(case, "auc", auc(e, d$t))
  for (kind in c("overlap", "att")) {
    d$w <- if (kind == "overlap") ifelse(d$t == 1, 1 - e, e) else ifelse(d$t == 1, 1, e / (1 - e))
    if (kind == "att") {
      others <- d$t == 0
      d$capped <- d$w
      d$capped[others] <- pmin(d$w[others], quantile(d$w[others], 0.99))
      robust(case, "att_capped", coxph(Surv(time, event) ~ t, d, weights = capped, robust = TRUE,
                                       control = tight))
    }
    note(case, paste0(kind, "_effective_", 0:1), c(effective(d$w[d$t == 0]), effective(d$w[d$t == 1])))
    note(case, paste0(kind, "_share_", 0:1),
         c(max(d$w[d$t == 0]) / sum(d$w[d$t == 0]), max(d$w[d$t == 1]) / sum(d$w[d$t == 1])))
    for (x in c("age", "second"))
      note(case, paste(kind, "smd", x, c("raw", "weighted", "square"), sep = "_"),
           c(smd(d[[x]], d$t), smd(d[[x]], d$t, d$w), smd(d[[x]]^2, d$t, d$w)))
    for (ties in c("efron", "breslow"))
      robust(case, paste0(kind, "_", ties),
             coxph(Surv(time, event) ~ t, d, weights = w, robust = TRUE, ties = ties, control = tight))
    # The same point estimate from the design-based model of package survey.
    s <- svycoxph(Surv(time, event) ~ t, svydesign(~1, weights = ~w, data = d))
    note(case, paste0(kind, "_svycoxph"), coef(s))
    for (k in 0:1) {
      fit <- survfit(Surv(time, event) ~ 1, d[d$t == k, ], weights = w)
      note(case, paste0(kind, "_survival_", k), summary(fit, times = at)$surv)
      note(case, paste0(kind, "_rmst_", k), summary(fit, rmean = at)$table["rmean"])
    }
    fit <- coxph(conditional, d, weights = w, robust = TRUE, control = tight)
    robust(case, paste0(kind, "_doubly_robust"), fit)
  }
}
r <- rotterdam
r <- data.frame(t = r$hormon, time = r$dtime, event = r$death, age = r$age, second = r$nodes,
                meno = r$meno, size = r$size, grade = r$grade, pgr = r$pgr, er = r$er, year = r$year)
weighted("rotterdam", r, t ~ age + meno + size + grade + second + pgr + er + year, 1826.25,
         Surv(time, event) ~ t + nsk(age, df = 3) + log(second + 1) + grade)
g <- with(gbsg, data.frame(t = hormon, time = rfstime, event = status, age = age, second = size,
                           meno = meno, grade = factor(grade), nodes = nodes, pgr = pgr, er = er))
weighted("gbsg", g, t ~ nsk(age, df = 3) + nsk(log(second), df = 3) + log(nodes) + log1p(pgr) +
           log1p(er) + meno + grade, 1461,
         Surv(time, event) ~ t + nsk(age, df = 3) + nsk(log(second), df = 3) + log(nodes) +
           log1p(pgr) + log1p(er) + meno + grade)

# ---- late entry: age is the clock ----------------------------------------------
m <- subset(mgus2, !is.na(hgb) & !is.na(creat))
m <- with(m, data.frame(id = id, t = as.integer(sex == "M"), entry = age, time = age + (futime + 0.5) / 12,
                        event = death, hgb = hgb, creat = creat))
ps <- glm(t ~ nsk(hgb, df = 3) + log(creat), binomial, m, control = exact)
m$w <- ifelse(m$t == 1, 1 - fitted(ps), fitted(ps))
for (ties in c("efron", "breslow"))
  robust("mgus2", paste0("overlap_", ties),
         coxph(Surv(entry, time, event) ~ t + cluster(id), m, weights = w, ties = ties,
               control = tight))
for (k in 0:1) {
  fit <- survfit(Surv(entry, time, event) ~ 1, m[m$t == k, ], weights = w)
  note("mgus2", paste0("overlap_survival_", k, "_", c(80, 90)), summary(fit, times = c(80, 90))$surv)
}
robust("mgus2", "doubly_robust",
       coxph(Surv(entry, time, event) ~ t + nsk(hgb, df = 3) + log(creat) + cluster(id), m,
             weights = w, control = tight))

# ---- effects by a modifier ------------------------------------------------------
d <- subset(colon, etype == 2 & rx != "Lev")
d <- with(d, data.frame(id = id, time = time, event = status, fu = as.integer(rx == "Lev+5FU"),
                        n4 = node4, age = age, sex = sex, obstruct = obstruct, adhere = adhere))
ps <- glm(fu ~ nsk(age, df = 3) + sex + obstruct + n4 + nsk(age, df = 3):n4 + sex:n4, binomial, d,
          control = exact)
d$w <- ifelse(d$fu == 1, 1 - fitted(ps), fitted(ps))
for (level in 0:1) {
  inside <- d[d$n4 == level, ]
  for (k in 0:1)
    note("colon", paste("by", level, k, sep = "_"),
         summary(survfit(Surv(time, event) ~ 1, inside[inside$fu == k, ], weights = w),
                 times = 1826.25)$surv)
  robust("colon", paste0("by_", level), coxph(Surv(time, event) ~ fu, inside, weights = w,
                                              robust = TRUE, control = tight))
}
fit <- coxph(Surv(time, event) ~ I(fu * n4) + fu + n4, d, weights = w, robust = TRUE, control = tight)
robust("colon", "ratio_weighted", fit)
fit <- coxph(Surv(time, event) ~ fu * n4 + nsk(age, df = 3) + sex, d, control = tight)
note("colon", c("ratio_adjusted_log_hr", "ratio_adjusted_se"),
     c(coef(fit)["fu:n4"], sqrt(vcov(fit)["fu:n4", "fu:n4"])))
d$a <- 1 - d$fu
excess <- function(case, formula) for (ties in c("efron", "breslow")) {
  fit <- coxph(formula, d, ties = ties, control = tight)
  i <- c("a", "n4", "a:n4"); b <- coef(fit)[i]; v <- vcov(fit)[i, i]
  g <- c(exp(sum(b)) - exp(b[1]), exp(sum(b)) - exp(b[2]), exp(sum(b)))
  note("colon", paste(case, ties, c("reri", "se"), sep = "_"),
       c(exp(sum(b)) - exp(b[1]) - exp(b[2]) + 1, sqrt(g %*% v %*% g)))
}
excess("plain", Surv(time, event) ~ a * n4)
excess("adjusted", Surv(time, event) ~ a * n4 + nsk(age, df = 3) + sex)

# ---- treatment from its start ----------------------------------------------------
h <- heart
fit <- coxph(Surv(start, stop, event) ~ transplant, h, control = tight)
note("heart", c("time_log_hr", "time_se"), c(coef(fit), sqrt(vcov(fit))))
fit <- coxph(Surv(start, stop, event) ~ transplant + age + year + surgery, h, control = tight)
note("heart", c("time_adjusted_log_hr", "time_adjusted_se"),
     c(coef(fit)["transplant1"], sqrt(vcov(fit)["transplant1", "transplant1"])))
j <- jasa
j$time <- pmax(.5, j$futime)
j$start <- ifelse(j$transplant == 1, pmax(j$wait.time, .25), Inf)
fit <- coxph(Surv(time, fustat) ~ transplant, j, control = tight)
note("jasa", c("ever_log_hr", "ever_se"), c(coef(fit), sqrt(vcov(fit))))
k <- j$transplant == 0 & j$fustat == 1 & j$time < 30
j$moved <- as.integer(j$transplant == 1 | k)
fit <- coxph(Surv(time, fustat) ~ moved, j, control = tight)
note("jasa", c("early", "early_log_hr", "early_se"), c(sum(k), coef(fit), sqrt(vcov(fit))))
b <- j[j$start < j$time & j$transplant == 1, ]
rows <- rbind(data.frame(t0 = 0, t1 = ifelse(j$transplant == 1 & 14 < j$time, 14, j$time),
                         d = ifelse(j$transplant == 1 & 14 < j$time, 0, j$fustat), x = 0),
              with(j[j$transplant == 1 & 14 < j$time, ],
                   data.frame(t0 = 14, t1 = time, d = fustat, x = 1)))
fit <- coxph(Surv(t0, t1, d) ~ x, rows, control = tight)
note("jasa", c("assumed_log_hr", "assumed_se"), c(coef(fit), sqrt(vcov(fit))))

# ---- clones: start within the grace period, or do not --------------------------
clones <- function(case, j, grace, formula, at, cap = 1) {
  # j: time, event, start (Inf: never), entry; formula without a left side
  environment(formula) <- environment()
  n <- nrow(j)
  j$start[j$start >= j$time] <- Inf
  by <- j$start <= grace
  deciding <- j$time > grace
  lg <- glm(update(formula, as.integer(by) ~ .), binomial, cbind(j, by = by)[deciding, ],
            control = exact)
  pr <- predict(lg, j, type = "response")
  w1 <- 1 / pr
  if (cap < 1) w1 <- pmin(w1, quantile(w1[by & deciding], cap))
  a1 <- data.frame(id = 1:n, t0 = j$entry, t1 = pmin(j$time, grace),
                   ev = as.integer(j$time <= grace & j$event == 1), w = 1)
  q <- which(deciding & by)
  a1 <- rbind(a1, data.frame(id = q, t0 = pmax(grace, j$entry[q]), t1 = j$time[q], ev = j$event[q],
                             w = w1[q]))
  a1 <- a1[a1$t0 < a1$t1, ]
  c0 <- ifelse(by, j$start, j$time); s0 <- as.integer(by); d0 <- ifelse(by, 0, j$event)
  z <- cbind(j, c0 = c0, s0 = s0, d0 = d0, id = 1:n)[c0 > j$entry, ]
  cc <- coxph(update(formula, Surv(entry, c0, s0) ~ .), z, control = tight)
  bh <- basehaz(cc, centered = FALSE); H <- stepfun(bh$time, c(0, bh$hazard))
  e <- exp(as.numeric(model.matrix(update(formula, ~ .), z)[, -1, drop = FALSE] %*% coef(cc)))
  names(e) <- z$id
  a0 <- survSplit(Surv(entry, c0, d0) ~ id, z, cut = sort(unique(c0[s0 == 1])), start = "t0")
  a0$w <- exp(H(a0$t0) * e[as.character(a0$id)])
  if (cap < 1) {
    # The quantile is that of each patient's own last weight.
    final <- exp(H(z$c0 - 1e-6) * e)
    a0$w <- pmin(a0$w, quantile(final, cap))
  }
  names(a0)[names(a0) == "c0"] <- "t1"; names(a0)[names(a0) == "d0"] <- "ev"
  note(case, c("deciding", "started"), c(sum(deciding), length(q)))
  note(case, paste0("logit_", seq_along(coef(lg))), coef(lg))
  note(case, c("largest_1", "largest_0"), c(max(a1$w), max(a0$w)))
  f1 <- survfit(Surv(t0, t1, ev) ~ 1, a1, weights = w)
  f0 <- survfit(Surv(t0, t1, ev) ~ 1, a0, weights = w)
  note(case, c("survival_1", "survival_0"), c(summary(f1, times = at)$surv, summary(f0, times = at)$surv))
  note(case, c("rmst_1", "rmst_0"),
       c(summary(f1, rmean = at)$table["rmean"], summary(f0, rmean = at)$table["rmean"]))
  both <- rbind(cbind(a1[, c("id", "t0", "t1", "ev", "w")], arm = 1),
                cbind(a0[, c("id", "t0", "t1", "ev", "w")], arm = 0))
  for (ties in c("efron", "breslow")) {
    fit <- coxph(Surv(t0, t1, ev) ~ arm + cluster(id), both, weights = w, ties = ties, control = tight)
    robust(case, ties, fit)
  }
}
j$event <- j$fustat
j$entry <- 0
clones("jasa_clones", j, 30, ~ age + surgery, 180)
clones("jasa_clones_capped", j, 30, ~ age + surgery, 180, cap = 0.9)
late <- j
late$entry <- ifelse(seq_len(nrow(j)) %% 5 == 0 & j$time > 45, 45,
                     ifelse(seq_len(nrow(j)) %% 7 == 0 & j$time > 12, 12, 0))
clones("jasa_clones_late", late, 30, ~ age + surgery, 180)
# Recurrence as a treatment that begins: real dates, many before the end of a year.
l <- colon[colon$etype == 2, ]; l <- l[order(l$id), ]
rr <- colon[colon$etype == 1, ]; rr <- rr[order(rr$id), ]
l <- with(l, data.frame(time = time, event = status, start = ifelse(rr$status == 1, rr$time, Inf),
                        age = age, node4 = node4, entry = 0))
clones("colon_clones", l, 365, ~ age + node4, 1461)

# ---- who was tested ----------------------------------------------------------------
n <- nwtco
n$s <- n$in.subcohort | n$rel == 1
n$w <- ifelse(n$rel == 1, 1, sum(n$rel == 0) / sum(n$s & n$rel == 0))
note("nwtco", "survival", summary(survfit(Surv(edrel, rel) ~ 1, n[n$s, ], weights = w),
                                  times = 1826.25)$surv)
robust("nwtco", "cells", coxph(Surv(edrel, rel) ~ I(histol == 2), n[n$s, ], weights = w,
                               robust = TRUE, control = tight))
# All with the event were tested: the model is of the others; knots are the whole cohort's.
b <- nsk(n$age, df = 3)
n$b <- matrix(b, ncol = 3)
p <- glm(s ~ b + factor(stage), binomial, n[n$rel == 0, ], control = exact)
n$v <- 1
n$v[n$rel == 0] <- 1 / fitted(p)
note("nwtco", "survival_terms", summary(survfit(Surv(edrel, rel) ~ 1, n[n$s, ], weights = v),
                                        times = 1826.25)$surv)
robust("nwtco", "terms", coxph(Surv(edrel, rel) ~ I(histol == 2), n[n$s, ], weights = v,
                               robust = TRUE, control = tight))
# Testing that leaves gaps in both cells.
n$u <- n$in.subcohort | (n$rel == 1 & n$seqno %% 2 == 0)
p <- glm(u ~ rel + nsk(age, df = 3) + factor(stage), binomial, n, control = exact)
n$x <- 1 / fitted(p)
note("nwtco", "survival_both", summary(survfit(Surv(edrel, rel) ~ 1, n[n$u, ], weights = x),
                                       times = 1826.25)$surv)
robust("nwtco", "both", coxph(Surv(edrel, rel) ~ I(histol == 2), n[n$u, ], weights = x,
                              robust = TRUE, control = tight))
my <- myeloma[myeloma$entry < myeloma$futime, ]
fit <- survfit(Surv(entry, futime, death) ~ 1, my)
note("myeloma", "survival", summary(fit, times = 730)$surv)
fit <- coxph(Surv(entry, futime, death) ~ I(year / 10), my, control = tight)
note("myeloma", c("log_hr", "se"), c(coef(fit), sqrt(vcov(fit))))

# ---- did treatment and prognosis change together -----------------------------------
q <- rotterdam
one <- glm(hormon ~ age + nodes, binomial, q, control = exact)
two <- update(one, . ~ . + nsk(year, df = 3))
note("era", "treatment_chi_square", one$deviance - two$deviance)
one <- coxph(Surv(dtime, death) ~ hormon + age + nodes, q, control = tight)
two <- coxph(Surv(dtime, death) ~ hormon + age + nodes + nsk(year, df = 3), q, control = tight)
note("era", "outcome_chi_square", 2 * (two$loglik[2] - one$loglik[2]))
note("era", c("log_hr", "se"), c(coef(two)[1], sqrt(vcov(two)[1, 1])))
two <- update(two, . ~ . + hormon:I(year / 10))
note("era", c("product", "product_se"), c(tail(coef(two), 1), sqrt(tail(diag(vcov(two)), 1))))

# ---- shares of competing events among comparable patients ------------------------------
m <- subset(mgus2, !is.na(mspike) & futime > 0)
m$t <- as.numeric(m$mspike >= 1.5)
m$et <- with(m, ifelse(pstat == 0, futime, ptime))
m$ev <- factor(with(m, ifelse(pstat == 0, 2 * death, 1)), 0:2, c("censor", "pcm", "death"))
causes <- function(case, d, ps, at) {
  e <- fitted(glm(ps, binomial, d, control = exact))
  d$w <- ifelse(d$t == 1, 1 - e, e)
  z <- summary(survfit(d$s ~ t, d, weights = w, id = id), times = at)
  for (k in 2:3) {
    note(case, paste0("share_", k - 1, "_", 0:1), z$pstate[, k])
    note(case, paste0("error_", k - 1, "_", 0:1), z$std.err[, k])
  }
}
m$s <- Surv(m$et, m$ev)
causes("mgus2_causes", m, t ~ age + sex, 120)
d <- colon[colon$etype == 1 & colon$rx != "Lev", ]
other <- colon[colon$etype == 2, ]; other <- other[match(d$id, other$id), ]
d$t <- as.numeric(d$rx == "Lev+5FU")
d$et <- pmin(d$time, other$time)
d$ev <- factor(ifelse(d$status == 1, 1, ifelse(other$status == 1, 2, 0)), 0:2, c("censor", "rec", "death"))
d$s <- Surv(d$et, d$ev)
causes("colon_causes", d, t ~ nsk(age, df = 3) + sex + obstruct + extent, 1826.25)

# ---- what was not measured ----------------------------------------------------------
ev <- function(h, rare = FALSE) {
  r <- if (rare) h else (1 - .5^sqrt(h)) / (1 - .5^sqrt(1 / h))
  r <- if (r < 1) 1 / r else r
  r + sqrt(r * (r - 1))
}
hr <- c(.53, .77, .68, .89, 2.20, 3.37, 1)
note("e_value", paste0("common_", hr), sapply(hr, ev))
note("e_value", paste0("rare_", hr), sapply(hr, ev, rare = TRUE))
b <- log(.56 / .51); s <- .23; v <- 1 / (1 / s^2 + 1 / .35^2); m <- v * b / s^2
note("shrink", c("mean", "sd", "above", "below"),
     c(m, sqrt(v), 1 - pnorm((log(1.25) - m) / sqrt(v)), pnorm((log(.8) - m) / sqrt(v))))
se <- 1 / sqrt(336 * .54 * .46 * .38 * .62)
note("power", c("1.5", "0.7"), c(pnorm(log(1.5) / se - qnorm(.975)), pnorm(-log(.7) / se - qnorm(.975))))

write.csv(out, "tests/reference/causal.csv", row.names = FALSE)
