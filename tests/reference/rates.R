# Incidence rates, their limits, and two rates against each other (R 4.2.2, survival 3.5-3): the
# numbers that tests/test_rates.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/rates.R           writes tests/reference/rates.csv (15 digits)
# Data: rotterdam, first of recurrence and death, by hormonal therapy and by size in three; and
# pairs of events and patient-years. Limits: poisson.test (exact), glm(poisson, offset) with
# confint.default (log, Wald), Byar's formulas (Breslow & Day 1987, and epitools::pois.byar's).

suppressMessages(library(survival))
out <- NULL
note <- function(group, quantity, value) {
  out <<- rbind(out, data.frame(
    group, quantity, value = formatC(as.numeric(value), digits = 15, format = "g", width = 1)
  ))
}
z <- qnorm(0.975)
cubed <- function(x, z) x * (1 - 1 / (9 * x) + z / 3 / sqrt(x))^3
of_group <- function(name, x, t) {
  note(name, "events", x)
  note(name, "years", t)
  note(name, "rate", 100 * x / t)
  note(name, c("exact low", "exact high"), 100 * poisson.test(x, t)$conf.int)
  note(name, c("byar low", "byar high"), 100 * c(if (x) cubed(x, -z) else 0, cubed(x + 1, z)) / t)
  if (!x) return(invisible())
  note(name, c("byar-epitools low", "byar-epitools high"),
       100 * c(cubed(x + 0.5, -z), cubed(x + 0.5, z)) / t)
  fit <- glm(x ~ 1 + offset(log(t)), family = poisson, epsilon = 1e-12)
  note(name, c("log low", "log high"), 100 * exp(confint.default(fit)))
  note(name, c("plain low", "plain high"), 100 * (x + c(-1, 1) * z * sqrt(x)) / t)
}
between <- function(name, x, t) {           # the first against the second
  exact <- poisson.test(x, t)
  note(name, c("exact low", "exact high", "exact p"), c(exact$conf.int, exact$p.value))
  below <- function(p) pbinom(x[1], sum(x), p) - dbinom(x[1], sum(x), p) / 2
  p <- below(t[1] / sum(t))
  note(name, "mid-p p", 2 * min(p, 1 - p))
  root <- function(f) uniroot(f, c(1e-12, 1 - 1e-12), tol = 1e-15)$root
  ends <- c(if (x[1]) root(function(p) 1 - below(p) - 0.025) else 0,
            if (x[2]) root(function(p) below(p) - 0.025) else 1)
  note(name, c("mid-p low", "mid-p high"), ends / (1 - ends) * t[2] / t[1])
  if (any(x == 0)) return(invisible())
  arm <- c(1, 0)
  fit <- glm(x ~ arm + offset(log(t)), family = poisson, epsilon = 1e-12)
  note(name, "ratio", exp(coef(fit)["arm"]))
  note(name, c("wald low", "wald high"), exp(confint.default(fit)["arm", ]))
  note(name, "wald p", 2 * pnorm(-abs(coef(summary(fit))["arm", "z value"])))
  gap <- 100 * (x[1] / t[1] - x[2] / t[2])
  note(name, c("gap", "gap low", "gap high"),
       gap + c(0, -1, 1) * 100 * z * sqrt(sum(x / t^2)))
}
d <- rotterdam
d$time <- pmin(ifelse(d$recur == 1, d$rtime, Inf), d$dtime) / 30.4375
d$ev <- pmax(d$recur, d$death)
for (by in c("hormon", "size")) {
  x <- tapply(d$ev, d[[by]], sum)
  t <- tapply(d$time, d[[by]], sum) / 12
  for (level in names(x)) of_group(paste0(by, "=", level), x[[level]], t[[level]])
  for (level in names(x)[-1]) {
    between(paste0(by, ":", level), c(x[[level]], x[[1]]), c(t[[level]], t[[1]]))
  }
}
pairs <- list(c(0, 40, 7, 55.5), c(3, 21.5, 0, 30), c(1, 12.25, 4, 90), c(12, 80, 12, 80),
              c(31, 402.7, 58, 390.1))
for (pair in pairs) {
  name <- paste(pair, collapse = " ")
  of_group(paste(pair[1:2], collapse = " "), pair[1], pair[2])
  between(name, pair[c(1, 3)], pair[c(2, 4)])
}
write.csv(out, "tests/reference/rates.csv", row.names = FALSE)
