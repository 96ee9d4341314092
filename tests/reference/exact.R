# The p values that tests/test_exact.py compares with (R 4.2.2).
# Run in the root of the checkout: Rscript tests/reference/exact.R
# Writes tests/reference/exact.csv (15 significant digits).

set.seed(20)
out <- NULL
for (shape in list(c(4, 3, 80), c(5, 3, 100), c(4, 4, 60), c(3, 3, 300), c(4, 2, 674),
                   c(5, 3, 150), c(4, 3, 150), c(3, 6, 60))) {
  for (pull in c(0, 0.4, 1)) {                     # no, some and much association
    r <- shape[1]; c <- shape[2]
    chance <- outer(rgamma(r, 4), rgamma(c, 4)) * exp(pull * rnorm(r * c))
    x <- matrix(rmultinom(1, shape[3], chance), r)
    x <- x[rowSums(x) > 0, colSums(x) > 0]
    out <- rbind(out, data.frame(
      name = paste0(nrow(x), "x", ncol(x), " of ", shape[3], ", pull ", pull), columns = ncol(x),
      counts = paste(t(x), collapse = " "),
      p = formatC(fisher.test(x, workspace = 2e8)$p.value, digits = 15, format = "g")
    ))
  }
}
write.csv(out, "tests/reference/exact.csv", row.names = FALSE)
