# p for trend of survival::colon (deaths; R 4.2.2, survival 3.5-3): the numbers that
# tests/test_trend.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/trend.R        writes tests/reference/trend.csv (12 digits)

suppressMessages(library(survival))
colon <- subset(colon, etype == 2)
out <- NULL
note <- function(model, term, fit, p) {
  low_high <- suppressMessages(confint.default(fit))[term, ]
  values <- c(exp(coef(fit)[term]), exp(low_high), p)
  out <<- rbind(out, data.frame(
    model, term, quantity = c("ratio", "low", "high", "p"),
    value = trimws(formatC(values, digits = 12, format = "g")), row.names = NULL
  ))
}
tight <- coxph.control(eps = 1e-11, iter.max = 50)
# A level's number is its place; the other covariates of the model stay as they are.
for (ties in c("efron", "breslow")) {
  for (term in c("differ", "extent")) {
    fit <- coxph(reformulate(term, "Surv(time, status)"), colon, ties = ties, control = tight)
    note(paste("univariable", ties), term, fit, summary(fit)$coefficients[term, "Pr(>|z|)"])
  }
  fit <- coxph(Surv(time, status) ~ differ + factor(extent) + age + sex, colon, ties = ties,
               control = tight)
  note(paste("multivariable", ties), "differ", fit, summary(fit)$coefficients["differ", "Pr(>|z|)"])
  fit <- coxph(Surv(time, status) ~ factor(differ) + extent + age + sex, colon, ties = ties,
               control = tight)
  note(paste("multivariable", ties), "extent", fit, summary(fit)$coefficients["extent", "Pr(>|z|)"])
}
# Dead within two years, of those whose fate is known then.
known <- subset(colon, time > 731 | status == 1)
known$early <- as.integer(known$time <= 731)
fit <- glm(early ~ differ + factor(extent) + age + sex, binomial, known,
           control = list(epsilon = 1e-14, maxit = 100))
note("logistic", "differ", fit, summary(fit)$coefficients["differ", "Pr(>|z|)"])
write.csv(out, "tests/reference/trend.csv", row.names = FALSE)
