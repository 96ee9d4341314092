# Fine and Gray's model as cmprsk::crr prints it (R 4.2.2, survival 3.5-3, cmprsk 2.2-11): the
# numbers that tests/test_subdistribution.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/subdistribution.R    writes tests/reference/subdistribution.csv (15 digits)
# Data: mgus2, plasma cell malignancy while death competes (whole months: events, censorings and
# deaths tie), and the competing event itself. Models: each covariate alone, on its own complete
# cases, and three of all. crr stops at a gradient of 1e-6 unasked; here it goes on to 1e-14.

suppressMessages({library(survival); library(cmprsk)})
d <- mgus2
d$time <- ifelse(d$pstat == 1, d$ptime, d$futime)
d$ev <- ifelse(d$pstat == 1, 1, 2 * d$death)
x <- cbind(age = d$age, age_10 = d$age / 10, sexM = as.numeric(d$sex == "M"), hgb = d$hgb,
           mspike = d$mspike, middle = as.numeric(d$age >= 65 & d$age < 75),
           old = as.numeric(d$age >= 75), level = (d$age >= 65) + (d$age >= 75))
models <- list(
  age = "age", age_10 = "age_10", sex = "sexM", hgb = "hgb", mspike = "mspike",
  band = c("middle", "old"), all = c("age", "sexM", "hgb", "mspike"),
  all_bands = c("sexM", "hgb", "mspike", "middle", "old"),
  trend = c("sexM", "level", "hgb", "mspike")
)
out <- NULL
note <- function(cause, model, term, quantity, value) {
  out <<- rbind(out, data.frame(
    cause, model, term, quantity, value = sprintf("%.15g", as.numeric(value))
  ))
}
for (k in 1:2) {
  cause <- c("event", "competing")[k]
  for (model in names(models)) {
    columns <- models[[model]]
    known <- complete.cases(x[, columns])
    fit <- crr(d$time[known], d$ev[known], x[known, columns, drop = FALSE], failcode = k,
               gtol = 1e-14, maxiter = 50)
    told <- summary(fit)
    note(cause, model, columns, "coef", fit$coef)
    note(cause, model, columns, "se", sqrt(diag(fit$var)))
    note(cause, model, columns, "low", told$conf.int[, 3])
    note(cause, model, columns, "high", told$conf.int[, 4])
    note(cause, model, columns, "p", 2 * pnorm(-abs(fit$coef / sqrt(diag(fit$var)))))
    note(cause, model, "", "n", fit$n)
    band <- match(c("middle", "old"), columns)
    if (!anyNA(band)) {
      wald <- fit$coef[band] %*% solve(fit$var[band, band], fit$coef[band])
      note(cause, model, "band", "p", pchisq(wald, 2, lower.tail = FALSE))
    }
  }
}
write.csv(out, "tests/reference/subdistribution.csv", row.names = FALSE)
