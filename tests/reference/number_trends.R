# p for trend of a number over groups in their order (R 4.2.2): the numbers that
# tests/test_number_trends.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/number_trends.R      writes tests/reference/number_trends.csv
# Jonckheere and Terpstra's z is that of Kendall's S between places and values, both with ties.

samples <- list(
  free = list(c(40, 35, 38, 43.5, 44, 41), c(38.5, 40.5, 47, 44.5, 41.5, 42), c(48, 43, 46, 49)),
  tied = list(c(1, 2, 2, 3, 5, 5), c(2, 3, 3, 4, 5), c(3, 5, 6, 6, 7, 7, 8), c(4, 4, 8)),
  gap = list(c(3.1, 4.0, 2.2, 5.5), numeric(0), c(2.9, 6.1, 5.2), c(4.4, 5.0, 7.1, 6.6))
)
out <- NULL
note <- function(sample, test, p) {
  out <<- rbind(out, data.frame(sample, test, p = formatC(p, digits = 12, format = "g")))
}
for (name in names(samples)) {
  value <- unlist(samples[[name]])
  at <- rep(seq_along(samples[[name]]), lengths(samples[[name]]))
  kendall <- cor.test(at, value, method = "kendall", exact = FALSE, continuity = FALSE)
  note(name, "jonckheere", kendall$p.value)
  note(name, "linear-trend", summary(lm(value ~ at))$coefficients["at", "Pr(>|t|)"])
  note(name, "spearman", cor.test(at, value, method = "spearman", exact = FALSE)$p.value)
}
write.csv(out, "tests/reference/number_trends.csv", row.names = FALSE)
