# Tests of a category whose levels have an order (R 4.2.2): the numbers that tests/test_ordered.py
# compares with. Run in the root of the checkout:
#   Rscript tests/reference/ordered.R      writes tests/reference/ordered.csv (12 digits)

tables <- list(
  two = rbind(c(21, 34, 18, 9), c(12, 25, 29, 22)),
  three = rbind(c(14, 20, 9, 4), c(10, 18, 15, 9), c(5, 12, 20, 14)),
  sparse = rbind(c(3, 0, 2), c(1, 4, 6)),
  binary = rbind(c(20, 11), c(14, 22), c(9, 30))
)
out <- NULL
note <- function(table, test, p) {
  out <<- rbind(out, data.frame(table, test, p = formatC(p, digits = 12, format = "g")))
}
for (name in names(tables)) {
  counts <- tables[[name]]
  level <- rep(col(counts), counts)
  group <- rep(row(counts), counts)
  note(name, "kruskal", kruskal.test(level, group)$p.value)
  if (nrow(counts) == 2) {
    told <- wilcox.test(level ~ group, exact = FALSE, correct = FALSE)
    note(name, "mann-whitney", told$p.value)
    told <- wilcox.test(level ~ group, exact = FALSE, correct = TRUE)
    note(name, "mann-whitney corrected", told$p.value)
    note(name, "cochran-armitage", prop.trend.test(counts[2, ], colSums(counts))$p.value)
  }
  if (ncol(counts) == 2)
    note(name, "cochran-armitage", prop.trend.test(counts[, 2], rowSums(counts))$p.value)
}
write.csv(out, "tests/reference/ordered.csv", row.names = FALSE)
