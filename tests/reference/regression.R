# The numbers that tests/test_regression.py compares with (R 4.2.2, survival 3.5-3).
# Run in the root of the checkout: Rscript tests/reference/regression.R
# Writes tests/reference/regression_*.csv (15 significant digits).

library(survival)

tight <- coxph.control(eps = 1e-11, iter.max = 50)  # R's default stops at 1e-9
out <- list()
note <- function(file, data, model, ties, term, quantity, value) {
  stopifnot(length(term) == length(value))
  out[[file]] <<- rbind(out[[file]], data.frame(
    data, model, ties, term, quantity,
    value = trimws(formatC(as.numeric(value), digits = 15, format = "g")), row.names = NULL
  ))
}

# ---- data, as the tests make them from the same sets in PyPI `survival` ------
d_colon <- subset(colon, etype == 2)
d_colon$time <- ceiling(d_colon$time / 30.4375)          # whole months: many ties
d_colon$differ <- factor(d_colon$differ)
d_lung <- lung
d_lung$event <- d_lung$status == 2
d_lung$ph.ecog <- factor(pmin(d_lung$ph.ecog, 2))        # three levels
d_lung$sex <- factor(d_lung$sex)
d_jasa <- jasa1                                          # late entry, days
d_mgus <- mgus2                                          # late entry, age is the clock
d_mgus$entry <- d_mgus$age
d_mgus$stop <- d_mgus$age + (d_mgus$futime + 0.5) / 12   # fractions: rounding errors in ties

models <- list(
  list("colon", "months", d_colon, Surv(time, status) ~ rx + sex + age + obstruct + nodes + differ),
  list("colon", "strata", d_colon, Surv(time, status) ~ rx + age + nodes + strata(differ)),
  list("lung", "days", d_lung, Surv(time, event) ~ age + sex + ph.ecog),
  list("lung", "interaction", d_lung, Surv(time, event) ~ sex * ph.ecog + age),
  list("lung", "within", d_lung, Surv(time, event) ~ sex + sex:ph.ecog + age),
  list("jasa1", "entry", d_jasa, Surv(start, stop, event) ~ age + transplant + surgery),
  list("mgus2", "entry", d_mgus, Surv(entry, stop, death) ~ sex + hgb + creat),
  list("mgus2", "entry_strata", d_mgus, Surv(entry, stop, death) ~ hgb + mspike + strata(sex))
)

for (m in models) for (ties in c("efron", "breslow")) {
  fit <- coxph(m[[4]], m[[3]], ties = ties, control = tight)
  plain <- coxph(m[[4]], m[[3]], ties = ties)
  terms <- names(coef(fit))
  s <- summary(fit, conf.int = 0.95)
  put <- function(quantity, value, term = terms) {
    note("cox", m[[1]], m[[2]], ties, term, quantity, value)
  }
  put("coef", coef(fit))
  put("coef_default", coef(plain))
  put("se", sqrt(diag(vcov(fit))))
  put("p", s$coefficients[, "Pr(>|z|)"])
  put("conf_low", s$conf.int[, "lower .95"])
  put("conf_high", s$conf.int[, "upper .95"])
  put("loglik", fit$loglik[2], "")
  put("n", fit$n, "")
  put("events", fit$nevent, "")
  if (!m[[2]] %in% c("interaction", "within")) for (transform in c("km", "identity", "rank", "log")) {
    z <- cox.zph(fit, transform = transform)$table
    note("zph", m[[1]], m[[2]], ties, rownames(z), paste0(transform, "_chi_square"), z[, "chisq"])
    note("zph", m[[1]], m[[2]], ties, rownames(z), paste0(transform, "_p"), z[, "p"])
  }
}

# ---- one covariate at a time: Wald, likelihood ratio, score, log-rank --------
covariates <- c("rx", "sex", "age", "obstruct", "differ")
for (ties in c("efron", "breslow")) for (name in covariates) {
  f <- as.formula(paste("Surv(time, status) ~", name))
  s <- summary(coxph(f, d_colon, ties = ties, control = tight))
  for (test in c("waldtest", "logtest", "sctest")) {
    note("univariable", "colon", "months", ties, name, test, s[[test]]["pvalue"])
  }
  if (name != "age") {
    note("univariable", "colon", "months", ties, name, "logrank",
         pchisq(survdiff(f, d_colon)$chisq, nlevels(factor(d_colon[[name]])) - 1, lower.tail = FALSE))
  }
}

# ---- backward selection by the joint Wald test, complete cases of the current model
wald_p <- function(fit, name) {
  at <- fit$assign[[name]]
  b <- coef(fit)[at]
  pchisq(drop(b %*% solve(vcov(fit)[at, at, drop = FALSE], b)), length(at), lower.tail = FALSE)
}
current <- c("rx", "sex", "age", "obstruct", "perfor", "adhere", "nodes", "differ", "surg")
repeat {
  fit <- coxph(as.formula(paste("Surv(time, status) ~", paste(current, collapse = "+"))), d_colon,
               ties = "breslow", control = tight)
  p <- sapply(current, function(name) wald_p(fit, name))
  if (max(p) < 0.05) break
  worst <- names(which.max(p))
  note("backward", "colon", "months", "breslow", worst, "p", max(p))
  note("backward", "colon", "months", "breslow", worst, "n", fit$n)
  current <- setdiff(current, worst)
}
note("backward", "colon", "months", "breslow", current, "kept", rep(1, length(current)))

# ---- logistic ---------------------------------------------------------------
d_colon$dead <- as.integer(d_colon$status == 1)
d_lung$dead <- as.integer(d_lung$event)
for (m in list(
  list("colon", d_colon, dead ~ rx + age + nodes + differ),
  list("lung", d_lung, dead ~ age + sex + ph.ecog)
)) {
  fit <- glm(m[[3]], binomial, m[[2]], control = glm.control(epsilon = 1e-14, maxit = 50))
  s <- summary(fit)$coefficients[-1, ]
  for (quantity in c("Estimate", "Std. Error", "Pr(>|z|)")) {
    note("logistic", m[[1]], "", "", rownames(s), quantity, s[, quantity])
  }
  note("logistic", m[[1]], "", "", "", "loglik", logLik(fit))
}

# ---- concordance ------------------------------------------------------------
for (m in list(
  list("colon", d_colon, Surv(time, status) ~ nodes),
  list("lung", d_lung, Surv(time, event) ~ age),
  list("jasa1", d_jasa, Surv(start, stop, event) ~ age)
)) {
  fit <- concordance(m[[3]], m[[2]], reverse = TRUE)
  note("concordance", m[[1]], "", "", c("", ""), c("concordance", "se"),
       c(fit$concordance, sqrt(fit$var)))
}

# ---- a covariate that changes: progression to plasma cell malignancy in a model of death
d_mgus$pcm_at <- ifelse(d_mgus$pstat == 1, d_mgus$ptime, NA)            # months since diagnosis
d_mgus$late <- ifelse(d_mgus$id %% 4 == 0, d_mgus$futime / 3, 0)        # some come late
for (m in list(
  list("plain", 0, death ~ pcm), list("adjusted", 0, death ~ pcm + sex + age + hgb),
  list("late", 1, death ~ pcm), list("late_adjusted", 1, death ~ pcm + sex + age + hgb)
)) {
  d <- d_mgus
  d$stop <- d$futime
  d$from <- if (m[[2]]) d$late else 0
  split <- tmerge(d, d, id = id, tstart = from, tstop = stop, dead = event(stop, death))
  split <- tmerge(split, d, id = id, pcm = tdc(pcm_at))
  f <- update(m[[3]], Surv(tstart, tstop, dead) ~ .)
  for (ties in c("efron", "breslow")) {
    fit <- coxph(f, split, ties = ties, control = tight)
    s <- summary(fit)
    known <- if (is.null(fit$na.action)) split else split[-fit$na.action, ]
    note("changing", "mgus2", m[[1]], ties, rep("pcm", 7),
         c("coef", "se", "p", "patients", "events", "ever", "rows"),
         c(coef(fit)["pcm"], sqrt(vcov(fit)["pcm", "pcm"]), s$coefficients["pcm", "Pr(>|z|)"],
           length(unique(known$id)), fit$nevent, length(unique(known$id[known$pcm == 1])), fit$n))
  }
}

for (file in names(out)) {
  write.csv(out[[file]], paste0("tests/reference/regression_", file, ".csv"), row.names = FALSE)
}
