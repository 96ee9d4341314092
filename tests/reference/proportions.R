# Limits of percentages (R 4.2.2, base and stats alone): the numbers that
# tests/test_proportions.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/proportions.R     writes tests/reference/proportions.csv (15 digits)
# binom.test (exact), prop.test without and with correction (wilson, wilson-corrected); by formula
# wald, agresti-coull (Agresti & Coull 1998) and jeffreys (Brown, Cai & DasGupta 2001).

out <- NULL
z <- qnorm(0.975)
note <- function(x, n, method, ends) {
  ends <- 100 * pmin(pmax(as.numeric(ends), 0), 1)
  out <<- rbind(out, data.frame(
    x, n, method, low = formatC(ends[1], digits = 15, format = "g", width = 1),
    high = formatC(ends[2], digits = 15, format = "g", width = 1)
  ))
}
for (pair in list(c(0, 12), c(1, 12), c(9, 30), c(57, 150), c(29, 29), c(308, 674))) {
  x <- pair[1]; n <- pair[2]; p <- x / n
  note(x, n, "exact", binom.test(x, n)$conf.int)
  note(x, n, "wilson", suppressWarnings(prop.test(x, n, correct = FALSE)$conf.int))
  # Yates' correction is whole: prop.test shrinks it where p is near one half.
  around <- abs(x - n * 0.5) >= 0.5
  if (around) note(x, n, "wilson-corrected", suppressWarnings(prop.test(x, n)$conf.int))
  note(x, n, "wald", p + c(-1, 1) * z * sqrt(p * (1 - p) / n))
  m <- (x + z^2 / 2) / (n + z^2)
  note(x, n, "agresti-coull", m + c(-1, 1) * z * sqrt(m * (1 - m) / (n + z^2)))
  note(x, n, "jeffreys", qbeta(c(0.025, 0.975), x + 0.5, n - x + 0.5))
}
write.csv(out, "tests/reference/proportions.csv", row.names = FALSE, quote = FALSE)
