# The numbers that tests/test_missing.py compares with (R 4.2.2, survival 3.5-3, mice 3.15.0).
# Run in the root of the checkout: Rscript tests/reference/missing.R
# Writes tests/reference/missing.csv (15 significant digits); a minute, for mice.

suppressMessages({library(survival); library(mice)})

out <- NULL
note <- function(case, quantity, value) {
  value <- trimws(formatC(as.numeric(value), digits = 15, format = "g"))
  out <<- rbind(out, data.frame(case, quantity, value, row.names = NULL))
}

# ---- Rubin's rules ---------------------------------------------------------------
pooled <- function(case, Q, U, n, k) {
  p <- pool.scalar(Q, U, n = n, k = k)
  note(case, c("mean", "total", "df"), c(p$qbar, p$t, p$df))
}
pooled("five", c(-.60, -.66, -.58, -.71, -.63), c(.0324, .0331, .0318, .0340, .0327), 674, 7)
pooled("two", c(.1, .4), c(.02, .03), 30, 3)
pooled("many", sin(1:20) / 9, rep(.05, 20), 150, 12)

# ---- Nelson-Aalen at the patients' own times ---------------------------------------
f <- survfit(Surv(time, status == 2) ~ 1, pbc, ctype = 1)
note("hazard", "pbc", sum(stepfun(f$time, c(0, f$cumhaz))(pbc$time)))
m <- mgus2; m$entry <- m$age; m$stop <- m$age + (m$futime + .5) / 12
f <- survfit(Surv(entry, stop, death) ~ 1, m, ctype = 1)
note("hazard", "mgus2", sum(stepfun(f$time, c(0, f$cumhaz))(m$stop)))

# ---- chains -------------------------------------------------------------------------
chain <- function(case, x, time, event, method, maxit, m, seed, form, back) {
  im <- mice(x, m = m, method = method, seed = seed, printFlag = FALSE, maxit = maxit)
  fits <- lapply(1:m, function(i) coxph(form, back(cbind(complete(im, i), t_ = time, d_ = event))))
  for (j in seq_along(coef(fits[[1]]))) {
    p <- pool.scalar(sapply(fits, function(f) coef(f)[j]), sapply(fits, function(f) vcov(f)[j, j]),
                     n = nrow(x), k = length(coef(fits[[1]])))
    note(case, paste0(names(coef(fits[[1]]))[j], c("_log_hr", "_se", "_mc")),
         c(p$qbar, sqrt(p$t), sqrt(p$b / m)))
  }
}
d <- pbc
d$e <- as.integer(d$status == 2)
f <- survfit(Surv(time, e) ~ 1, d, ctype = 1)
d$h <- stepfun(f$time, c(0, f$cumhaz))(d$time)
x <- with(d, data.frame(copper = log(copper), e, h, age, bili = log(bili), albumin))
chain("normal", x, d$time, d$e, "norm", 1, 200, 1,
      Surv(t_, d_) ~ age + bili + albumin + copper, identity)
# Two yes-no signs and three numbers, missing together and apart.
x <- with(d, data.frame(copper = log(copper), chol = log(chol), platelet, hepato = factor(hepato),
                        spiders = factor(spiders), e, h, age, bili = log(bili), albumin))
method <- c("pmm", "pmm", "pmm", "logreg", "logreg", rep("", 5))
chain("mixed", x, d$time, d$e, method, 10, 100, 2,
      Surv(t_, d_) ~ age + bili + albumin + copper + chol + platelet + hepato + spiders, identity)

write.csv(out, "tests/reference/missing.csv", row.names = FALSE)
