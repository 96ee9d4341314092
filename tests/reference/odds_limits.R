# Limits of odds ratios by profile likelihood (R 4.2.2, MASS 7.3-58.2, survival 3.5-3): the numbers
# that tests/test_odds_limits.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/odds_limits.R        writes tests/reference/odds_limits.csv (12 digits)
#
# "root" is where the deviance of the model with a coefficient held (by an offset) has risen by
# qchisq(0.95, 1), found by uniroot: the definition. "confint" is what R prints, MASS's spline
# through points of the same profile (R >= 4.4 has it in stats).

suppressMessages({library(MASS); library(survival)})
tight <- glm.control(epsilon = 1e-14, maxit = 100)
out <- NULL

root <- function(fit, term, side) {
  x <- model.matrix(fit)
  y <- fit$y
  rest <- x[, colnames(x) != term, drop = FALSE]
  level <- deviance(fit) + qchisq(0.95, 1)
  above <- function(b) {
    held <- suppressWarnings(glm.fit(rest, y, offset = b * x[, term], family = binomial(), control = tight))
    held$deviance - level
  }
  at <- coef(fit)[[term]]
  step <- side * sqrt(vcov(fit)[term, term])
  far <- at + step
  while (above(far) < 0) far <- far + step
  uniroot(above, sort(c(at, far)), tol = 1e-13)$root
}

note <- function(data, fit) {
  printed <- suppressMessages(confint(fit))
  for (term in names(coef(fit))[-1]) {
    values <- c(coef(fit)[[term]], root(fit, term, -1), root(fit, term, 1), printed[term, ],
                summary(fit)$coefficients[term, "Pr(>|z|)"])
    out <<- rbind(out, data.frame(
      data, term, quantity = c("log ratio", "root low", "root high", "confint low", "confint high", "p"),
      value = trimws(formatC(values, digits = 12, format = "g")), row.names = NULL
    ))
  }
}

d_colon <- subset(colon, etype == 2)
d_colon$differ <- factor(d_colon$differ)
note("colon", glm(status ~ rx + age + nodes + differ, binomial, d_colon, control = tight))
d_lung <- lung
d_lung$event <- d_lung$status == 2
d_lung$ph.ecog <- factor(pmin(d_lung$ph.ecog, 2))
d_lung$sex <- factor(d_lung$sex)
note("lung", glm(event ~ age + sex + ph.ecog, binomial, d_lung, control = tight))
cancer <- read.csv("tests/reference/regression_endometrial.csv")
note("endometrial", glm(HG ~ PI + EH, binomial, cancer, control = tight))
# Sixteen patients, of whom one of nine unexposed had the outcome: far from symmetric.
few <- data.frame(x = rep(0:1, c(9, 7)), y = c(1, rep(0, 8), rep(1, 5), 0, 0))
note("few", glm(y ~ x, binomial, few, control = tight))
write.csv(out, "tests/reference/odds_limits.csv", row.names = FALSE)
