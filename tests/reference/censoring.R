# The numbers that tests/test_unmeasured.py compares with (R 4.2.2, survival 3.5-3).
# Run in the root of the checkout: Rscript tests/reference/censoring.R
# Writes tests/reference/censoring.csv (15 significant digits).

suppressMessages(library(survival))
out <- NULL
note <- function(case, quantity, value) {
  value <- trimws(formatC(as.numeric(value), digits = 15, format = "g"))
  out <<- rbind(out, data.frame(case, quantity, value, row.names = NULL))
}
exact <- list(epsilon = 1e-14, maxit = 100)
fit <- function(case, d, formula, at) {
  d$w <- rttright(Surv(time, event) ~ 1, d, times = at) * nrow(d)
  d$y <- as.integer(d$time <= at & d$event == 1)
  # Without a start R runs away from weights that are no counts.
  first <- rep(0, length(attr(terms(formula), "term.labels")) + 1)
  g <- suppressWarnings(glm(formula, quasibinomial, d, weights = w, start = first, control = exact))
  note(case, paste0("log_odds_", seq_along(coef(g))), coef(g))
  note(case, "with_weight", sum(d$w > 0))
}
l <- lung
l$event <- l$status - 1
l$limited <- as.integer(l$ph.ecog >= 1)
fit("lung", l, y ~ limited, 365.25)
fit("lung, three terms", l, y ~ limited + age + sex, 365.25)
v <- veteran
v$event <- v$status
fit("veteran", v, y ~ karno + prior, 90)
# Ties of events and censorings, and both on the month itself.
tied <- data.frame(time = c(2, 2, 3, 3, 5, 5, 6, 8, 8, 10, 12, 12, 14),
                   event = c(1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1),
                   x = c(1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0))
for (at in c(8.5, 9, 11)) fit(paste("tied", at), tied, y ~ x, at)
write.csv(out, "tests/reference/censoring.csv", row.names = FALSE)
