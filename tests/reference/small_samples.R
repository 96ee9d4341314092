# The numbers that tests/test_small_samples.py compares with (R 4.2.2, survival 3.5-3).
# Run in the root of the checkout: Rscript tests/reference/small_samples.R
# Writes tests/reference/small_samples.csv (15 significant digits). The tests make the same data
# from the same sets in PyPI `survival`.

library(survival)
tight <- coxph.control(eps = 1e-12, iter.max = 50, toler.chol = 1e-13)
out <- NULL
note <- function(data, part, term, quantity, value) {
  out <<- rbind(out, data.frame(
    data, part, term, quantity,
    value = trimws(formatC(as.numeric(value), digits = 15, format = "g")), row.names = NULL
  ))
}

# ---- data ---------------------------------------------------------------------
d <- subset(colon, etype == 2 & rx != "Lev")
d$fu <- as.integer(d$rx == "Lev+5FU")
v <- veteran                                   # days; four types of cells, squamous the reference
v$celltype <- relevel(v$celltype, "squamous")
v$treated <- as.integer(v$trt == 2)
m <- mgus2                                     # months, age is the clock: late entry
m$entry <- 12 * m$age; m$stop <- m$entry + m$futime + 0.5
m$male <- as.integer(m$sex == "M")

# ---- a ratio for each period ---------------------------------------------------
for (ties in c("efron", "breslow")) {
  s <- survSplit(Surv(time, status) ~ fu + node4 + id, d, cut = c(365, 1095), episode = "ep", start = "t0")
  z <- coxph(Surv(t0, time, status) ~ fu:factor(ep) + node4, s, ties = ties, control = tight)
  note("colon", paste("piecewise", ties), 1:3, "coef", coef(z)[2:4])
  note("colon", paste("piecewise", ties), 1:3, "se", sqrt(diag(vcov(z)))[2:4])
  s <- survSplit(Surv(time, status) ~ treated + karno, v, cut = c(60, 180), episode = "ep", start = "t0")
  z <- coxph(Surv(t0, time, status) ~ treated:factor(ep) + karno, s, ties = ties, control = tight)
  note("veteran", paste("piecewise", ties), 1:3, "coef", coef(z)[2:4])
  note("veteran", paste("piecewise", ties), 1:3, "se", sqrt(diag(vcov(z)))[2:4])
  b <- coef(z)[2:4]; C <- vcov(z)[2:4, 2:4]; K <- rbind(c(-1, 1, 0), c(-1, 0, 1))
  q <- drop(t(K %*% b) %*% solve(K %*% C %*% t(K)) %*% (K %*% b))
  note("veteran", paste("piecewise", ties), "same", "p", pchisq(q, 2, lower.tail = FALSE))
  s <- survSplit(Surv(entry, stop, death) ~ male + hgb, m, cut = c(840, 960), episode = "ep", start = "t0", end = "t1")
  z <- coxph(Surv(t0, t1, death) ~ male:factor(ep) + hgb, s, ties = ties, control = tight)
  note("mgus2", paste("piecewise", ties), 1:3, "coef", coef(z)[2:4])
  note("mgus2", paste("piecewise", ties), 1:3, "se", sqrt(diag(vcov(z)))[2:4])
}

# ---- events seen at visits -----------------------------------------------------
weibull <- function(name, part, L, R, x) {
  z <- survreg(Surv(L, R, type = "interval2") ~ x, dist = "weibull",
               control = survreg.control(rel.tolerance = 1e-14, maxiter = 100))
  k <- length(coef(z)); V <- vcov(z); b <- coef(z)[2]; s <- z$scale
  note(name, part, c("intercept", "x"), "coef", coef(z))
  note(name, part, "", "scale", s); note(name, part, "", "loglik", z$loglik[2])
  g <- c(0, -1 / s, b / s)
  note(name, part, "x", "log_hr", -b / s)
  note(name, part, "x", "se", sqrt(drop(t(g) %*% V %*% g)))
  for (v in 0:1) {
    r <- c(1, v, s * log(log(2)))
    note(name, part, v, "log_median", coef(z)[1] + v * b + s * log(log(2)))
    note(name, part, v, "se_median", sqrt(drop(t(r) %*% V %*% r)))
  }
}
t <- d$time / 30.4375; e <- d$status == 1; at <- 4 * ceiling(t / 4)
left <- ifelse(e, at - 4, t); left[left == 0] <- NA
weibull("colon", "visits", left, ifelse(e, at, NA), d$fu)
# a third of the deaths on their day, the others between visits every 30 days
e <- v$status == 1; known <- seq_len(nrow(v)) %% 3 == 0; at <- 30 * ceiling(v$time / 30)
L <- ifelse(e & !known, at - 30, v$time); L[L == 0] <- NA
weibull("veteran", "visits", L, ifelse(e, ifelse(known, v$time, at), NA), v$treated)

# without a shape: survfit's own steps end early, so that its shares hold to four digits
curve <- function(name, L, R, x) for (v in 0:1) {
  f <- survfit(Surv(L, R, type = "interval2") ~ 1, data.frame(L, R)[x == v, ])
  note(name, "turnbull", v, "median", quantile(f, .5)$quantile)
  note(name, "turnbull", v, "survival", summary(f, times = 365 / if (name == "colon") 30.4375 else 1)$surv)
}
curve("veteran", L, ifelse(e, ifelse(known, v$time, at), NA), v$treated)
e <- d$status == 1; at <- 4 * ceiling(t / 4)
curve("colon", left, ifelse(e, at, NA), d$fu)

# ---- shrinkage -----------------------------------------------------------------
riley <- function(name, z, p) {
  LR <- 2 * diff(z$loglik); n <- z$n; R2 <- 1 - exp(-LR / n)
  note(name, "shrinkage", "", "LR", LR); note(name, "shrinkage", "", "R2", R2)
  note(name, "shrinkage", "", "S", 1 + p / (n * log(1 - R2)))
  note(name, "shrinkage", "", "needed", ceiling(p / ((0.9 - 1) * log(1 - R2 / 0.9))))
  note(name, "shrinkage", "", "C", concordance(z)$concordance)
}
l <- na.omit(lung[, c("time", "status", "age", "sex", "ph.ecog", "ph.karno", "wt.loss")])
riley("lung", coxph(Surv(time, status) ~ ., l, control = tight), 5)
riley("veteran", coxph(Surv(time, status) ~ celltype + treated + karno + diagtime + age, v, control = tight), 7)
riley("colon", coxph(Surv(time, status) ~ fu + node4 + age, d, control = tight), 3)

# ---- levels drawn together -----------------------------------------------------
pool <- function(name, part, b, s, C = NULL) {
  w <- 1 / s^2; bb <- sum(w * b) / sum(w); Q <- sum(w * (b - bb)^2)
  tau2 <- max(0, (Q - (length(b) - 1)) / (sum(w) - sum(w^2) / sum(w)))
  w <- 1 / (s^2 + tau2); m <- sum(w * b) / sum(w); B <- s^2 / (s^2 + tau2)
  note(name, part, "", "Q", Q); note(name, part, "", "tau2", tau2); note(name, part, "", "mean", m)
  note(name, part, seq_along(b), "pooled", B * m + (1 - B) * b)
  note(name, part, seq_along(b), "sd", sqrt((1 - B) * s^2 + B^2 / sum(w)))
  if (!is.null(C)) {
    K <- cbind(-1, diag(length(b) - 1))
    note(name, part, "", "wald", t(K %*% b) %*% solve(K %*% C %*% t(K)) %*% (K %*% b))
    note(name, part, seq_along(b), "coef", b)
  }
}
pool("by hand", "pooled", c(0.6, 1.4, 0), c(0.25, 0.40, 0.45))
for (ties in c("efron", "breslow")) {
  z <- coxph(Surv(time, status) ~ celltype + karno, v, ties = ties, control = tight)
  C <- vcov(z)[1:3, 1:3]; pool("veteran", paste("pooled", ties), coef(z)[1:3], sqrt(diag(C)), C)
  z <- coxph(Surv(time, status) ~ factor(differ), subset(colon, etype == 2), ties = ties, control = tight)
  C <- vcov(z); pool("colon", paste("pooled", ties), coef(z), sqrt(diag(C)), C)
}

# ---- stratified, and drifting hazards ---------------------------------------------
z <- coxph(Surv(time, status) ~ fu + strata(node4), d, control = tight)
note("colon", "stratified", "fu", "coef", coef(z)); note("colon", "stratified", "fu", "se", sqrt(vcov(z)))
z <- coxph(Surv(time, status) ~ fu + node4 + nodes, d, control = tight)
k <- cox.zph(z, "km")$table
note("colon", "zph", rownames(k), "chi_square", k[, 1])

# ---- weights, ties, strata, late entry: what stands in for the engine ----------------
m$w <- 1 + (m$age > 70) / 2; p <- subset(pbc, !is.na(trt)); p$time <- ceiling(p$time / 30.4375)
p$entry <- ifelse(p$id %% 3 == 0, (p$id %% 7) / 2, 0); p$w <- 1 + (p$age > 50) / 3
for (ties in c("efron", "breslow")) {
  fits <- list(
    mgus2 = coxph(Surv(entry, stop, death) ~ male + hgb, m, weights = w, ties = ties, control = tight, robust = FALSE),
    pbc = coxph(Surv(entry, time, status == 2) ~ age + log(bili) + strata(sex), p, weights = w, ties = ties,
                control = tight, robust = FALSE),
    colon = coxph(Surv(ceiling(time / 30.4375), status) ~ fu + node4 + strata(surg), d, ties = ties, control = tight)
  )
  for (name in names(fits)) {
    z <- fits[[name]]
    note(name, paste("fallback", ties), seq_along(coef(z)), "coef", coef(z))
    note(name, paste("fallback", ties), seq_along(coef(z)), "se", sqrt(diag(z$var)))
    note(name, paste("fallback", ties), 1:2, "loglik", z$loglik)
  }
}

write.csv(out, "tests/reference/small_samples.csv", row.names = FALSE)
