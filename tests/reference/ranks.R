# Tests of numbers by ranks (R 4.2.2): the numbers that tests/test_ranks.py compares with.
# Run in the root of the checkout:
#   Rscript tests/reference/ranks.R      writes tests/reference/ranks.csv (12 digits)
# The numbers of each sample are made by the same rule in the test.

sample_of <- function(n, step, ties) {     # golden ratio: no two alike, unless rounded
  x <- (seq_len(n) * 0.6180339887498949 + step) %% 1 * 20 + step
  if (ties) round(x) else x
}
sets <- list(small = c(12, 15, 0), tied = c(12, 15, 1), most = c(49, 49, 0), many = c(50, 20, 0),
             alike = c(30, 30, 1))
out <- NULL
for (name in names(sets)) {
  s <- sets[[name]]
  x <- sample_of(s[1], 0.1, s[3]); y <- sample_of(s[2], if (name == "alike") 0.1 else 3.7, s[3])
  p <- c("mann-whitney" = wilcox.test(x, y, exact = FALSE, correct = FALSE)$p.value,
         "mann-whitney-corrected" = wilcox.test(x, y, exact = FALSE, correct = TRUE)$p.value,
         "mann-whitney-r" = suppressWarnings(wilcox.test(x, y))$p.value)
  out <- rbind(out, data.frame(set = name, test = names(p), p = formatC(p, digits = 12, format = "g")))
}
write.csv(out, "tests/reference/ranks.csv", row.names = FALSE)
