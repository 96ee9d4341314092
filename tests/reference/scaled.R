# Ratios per 10 years, per doubling and per SD of survival::lung (R 4.2.2, survival 3.5-3): the numbers
# that tests/test_scaled.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/scaled.R        writes tests/reference/scaled.csv (12 digits)

suppressMessages(library(survival))
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
lung$male <- as.integer(lung$sex == 1)

terms <- c("I(age/10)", "log2(meal.cal)", "log10(meal.cal)", "I(wt.loss/5)", "I(age/sd(age))",
           "I(wt.loss/sd(wt.loss, na.rm = TRUE))")
for (ties in c("efron", "breslow")) {
  for (term in terms) {
    fit <- coxph(reformulate(term, "Surv(time, status)"), lung, ties = ties, control = tight)
    note(paste("univariable", ties), term, fit, summary(fit)$coefficients[term, "Pr(>|z|)"])
  }
  fit <- coxph(Surv(time, status) ~ I(age/10) + log2(meal.cal) + male, lung, ties = ties,
               control = tight)
  for (term in names(coef(fit))) {
    note(paste("multivariable", ties), term, fit, summary(fit)$coefficients[term, "Pr(>|z|)"])
  }
}
# Dead within a year, of those whose fate at a year is known.
known <- subset(lung, time > 365 | status == 2)
known$early <- as.integer(known$time <= 365)
fit <- glm(early ~ I(age/10) + log2(meal.cal) + male, binomial, known,
           control = list(epsilon = 1e-14, maxit = 100))
for (term in names(coef(fit))[-1]) {
  note("logistic", term, fit, summary(fit)$coefficients[term, "Pr(>|z|)"])
}
write.csv(out, "tests/reference/scaled.csv", row.names = FALSE)
