# What R says of the characteristics of two real cohorts: survival::colon (929 patients,
# one row each: the rows on death) and survival::lung. Run in this folder:
#   Rscript baseline.R        writes baseline.csv (R 4.2.2, survival 3.5.3)

library(survival)
colon <- subset(colon, etype == 2)

rows <- list()
say <- function(data, by, variable, statistic, value, level = "") {
  rows[[length(rows) + 1]] <<- data.frame(
    data = data, by = by, variable = variable, level = level, statistic = statistic,
    value = sprintf("%.12g", value)
  )
}

numbers <- function(name, data, by, variables) {
  for (variable in variables) {
    x <- data[[variable]]
    g <- factor(data[[by]])
    for (level in c("all", levels(g))) {
      part <- x[level == "all" | g == level]
      part <- part[!is.na(part)]
      say(name, by, variable, "median", median(part), level)
      for (type in 6:7) {
        say(name, by, variable, paste0("q1 type ", type), quantile(part, 0.25, type = type), level)
        say(name, by, variable, paste0("q3 type ", type), quantile(part, 0.75, type = type), level)
      }
    }
    say(name, by, variable, "kruskal", kruskal.test(x, g)$p.value)
    if (nlevels(g) == 2) {
      say(name, by, variable, "mann-whitney",
          wilcox.test(x ~ g, correct = FALSE, exact = FALSE)$p.value)
      welch <- t.test(x ~ g)
      say(name, by, variable, "t", welch$p.value)
      # first minus second in R, second minus first in crlm
      say(name, by, variable, "t conf_low", -welch$conf.int[2])
      say(name, by, variable, "t conf_high", -welch$conf.int[1])
    } else {
      say(name, by, variable, "t", oneway.test(x ~ g, var.equal = TRUE)$p.value)
    }
  }
}

categories <- function(name, data, by, variables) {
  for (variable in variables) {
    counts <- table(data[[variable]], data[[by]])
    say(name, by, variable, "fisher", fisher.test(counts, workspace = 2e7)$p.value)
    say(name, by, variable, "chi-square", suppressWarnings(chisq.test(counts, correct = FALSE))$p.value)
    say(name, by, variable, "chi-square-yates", suppressWarnings(chisq.test(counts, correct = TRUE))$p.value)
    n <- sum(counts)
    r <- cor(rep(row(counts), counts), rep(col(counts), counts))
    if (ncol(counts) == 2) {  # Cochran and Armitage's chi-square is n r^2
      armitage <- prop.trend.test(counts[, 1], rowSums(counts))$statistic
      stopifnot(all.equal(unname(armitage), n * r^2))
    }
    say(name, by, variable, "trend", pchisq((n - 1) * r^2, 1, lower.tail = FALSE))
    if (all(dim(counts) == 2)) {
      # columns of `counts` are the groups; share of the second level
      two <- suppressWarnings(prop.test(counts[2, ], colSums(counts), correct = FALSE))
      say(name, by, variable, "difference conf_low", -100 * two$conf.int[2])
      say(name, by, variable, "difference conf_high", -100 * two$conf.int[1])
    }
  }
}

numbers("colon", colon, "sex", c("age", "nodes", "time"))
numbers("colon", colon, "rx", c("age", "nodes"))
numbers("lung", lung, "sex", c("age", "ph.karno", "wt.loss", "meal.cal"))
categories("colon", colon, "sex", c("obstruct", "perfor", "adhere", "differ", "extent", "rx"))
categories("colon", colon, "rx", c("sex", "obstruct", "differ", "extent"))
categories("lung", lung, "sex", c("ph.ecog", "status"))

write.csv(do.call(rbind, rows), "baseline.csv", row.names = FALSE, quote = FALSE)
