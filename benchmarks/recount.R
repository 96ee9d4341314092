# Every statistic that claims ask for, by R and its package survival.
# Rscript recount.R FOLDER; the folder holds what recount.py wrote, values.csv is added.
suppressMessages(library(survival))
folder <- commandArgs(TRUE)[1]
read <- function(name) read.csv(file.path(folder, name), colClasses = "character",
                                na.strings = "", check.names = FALSE)
asked <- read("statistics.csv")
levels_of <- split(read("levels.csv")$level, factor(read("levels.csv")$column))
rules <- setNames(read("rules.csv")$value, read("rules.csv")$name)
frames <- list()
frame_of <- function(name) {
  if (is.null(frames[[name]])) frames[[name]] <<- read(paste0("frame_", name, ".csv"))
  frames[[name]]
}
parts <- function(text) if (is.na(text)) character() else strsplit(text, ";", fixed = TRUE)[[1]]
z975 <- qnorm(0.975)

restrict <- function(frame, where) {
  for (pair in parts(where)) {
    bits <- strsplit(pair, "=", fixed = TRUE)[[1]]
    frame <- frame[frame[[bits[1]]] %in% strsplit(bits[2], "/", fixed = TRUE)[[1]], ]
  }
  frame
}

number_of <- function(frame, column) {
  bits <- strsplit(column, "=", fixed = TRUE)[[1]]
  levels <- levels_of[[bits[1]]]
  values <- frame[[bits[1]]]
  if (is.null(levels)) return(as.numeric(values))
  level <- if (length(bits) > 1) bits[2] else levels[2]
  ifelse(is.na(values), NA, as.numeric(values == level))
}

curve_of <- function(frame, flip = FALSE) {
  time <- as.numeric(frame$time)
  event <- as.numeric(frame$event)
  if (flip) event <- 1 - event
  type <- if (rules["conf_type"] == "spss") "plain" else rules["conf_type"]
  survfit(Surv(time, event) ~ 1, conf.type = type)
}

median_of <- function(fit, limit) {
  at <- function(s) fit$time[which(s <= 0.5 + 1e-8)[1]]
  middle <- at(fit$surv)
  if (limit == "estimate") return(middle)
  if (rules["conf_type"] != "spss") {
    return(at(if (limit == "conf_low") fit$lower else fit$upper))
  }
  dies <- fit$n.event > 0
  s <- fit$surv[dies]
  t <- fit$time[dies]
  upper <- max(which(s >= 0.55 - 1e-8))
  lower <- which(s <= 0.45 + 1e-8)[1]
  k <- which(s <= 0.5 + 1e-8)[1]
  density <- (s[upper] - s[lower]) / (t[lower] - t[upper])
  greenwood <- cumsum(fit$n.event / (fit$n.risk * (fit$n.risk - fit$n.event)))[dies][k]
  half <- z975 * s[k] * sqrt(greenwood) / density
  if (limit == "conf_low") max(middle - half, 0) else middle + half
}

km <- function(a, frame) {
  fit <- curve_of(frame)
  if (a$part == "median_survival") return(median_of(fit, a$limit))
  found <- summary(fit, times = as.numeric(a$time) + 1e-9, extend = FALSE)
  100 * switch(a$limit, estimate = found$surv, conf_low = found$lower, conf_high = found$upper)
}

rates <- function(a, frame) {
  columns <- parts(a$columns)
  side <- function(pick) {
    part <- frame
    for (name in columns) part <- part[part[[name]] %in% pick(levels_of[[name]], 1), ]
    summary(curve_of(part), times = as.numeric(a$time) + 1e-9)[c("surv", "std.err")]
  }
  one <- side(tail)
  other <- side(head)
  (one$surv - other$surv) / sqrt(one$std.err^2 + other$std.err^2)
}

followup <- function(a, frame) {
  time <- sort(as.numeric(frame$time))
  if (a$part == "min_follow_up") return(time[1])
  if (a$part == "max_follow_up") return(tail(time, 1))
  if (rules["follow_up"] == "reverse") return(median_of(curve_of(frame, TRUE), a$limit))
  n <- length(time)
  rank <- qbinom(0.025, n, 0.5)
  if (pbinom(rank, n, 0.5) <= 0.025) rank <- rank + 1
  switch(a$limit, estimate = median(time), conf_low = time[rank], conf_high = time[n - rank + 1])
}

cox <- function(a, frame) {
  columns <- parts(a$columns)
  if (!a$covariate %in% columns) return(NA)
  x <- sapply(columns, function(column) number_of(frame, column))
  fit <- coxph(Surv(as.numeric(frame$time), as.numeric(frame$event)) ~ x, ties = rules["ties"],
               control = coxph.control(eps = 1e-11, iter.max = 40))
  at <- which(columns == a$covariate)
  wald(a, coef(fit)[at], sqrt(vcov(fit)[at, at]))
}

wald <- function(a, estimate, error) {
  if (a$part == "z") return(estimate / error)
  estimate + switch(a$limit, estimate = 0, conf_low = -1, conf_high = 1) * z975 * error
}

logistic <- function(a, frame) {
  columns <- parts(a$columns)
  x <- sapply(columns, function(column) number_of(frame, column))
  fit <- glm(as.numeric(frame[[a$endpoint]] == "yes") ~ x, family = binomial, epsilon = 1e-12)
  at <- 1 + which(columns == a$covariate)
  wald(a, coef(fit)[at], sqrt(vcov(fit)[at, at]))
}

logrank <- function(a, frame) {
  x <- number_of(frame, a$columns)
  time <- as.numeric(frame$time)
  event <- as.numeric(frame$event)
  side <- sign(coef(coxph(Surv(time, event) ~ x)))
  side * sqrt(survdiff(Surv(time, event) ~ x)$chisq)
}

association <- function(a, frame) {
  columns <- parts(a$columns)
  name <- strsplit(columns[2], "=", fixed = TRUE)[[1]]
  by <- frame[[name[1]]]
  groups <- levels_of[[name[1]]]
  if (length(name) > 1) {
    by <- ifelse(by == name[2], "yes", "no")
    groups <- c("no", "yes")
  }
  counts <- table(factor(by, groups), factor(frame[[columns[1]]], levels_of[[columns[1]]]))
  p <- if (rules["categorical_test"] == "fisher") fisher.test(counts)$p.value else
    suppressWarnings(chisq.test(counts, correct = FALSE)$p.value)
  sign(counts[1, 1] * counts[2, 2] - counts[1, 2] * counts[2, 1]) * qnorm(p / 2, lower.tail = FALSE)
}

ranks <- function(a, frame) {
  columns <- parts(a$columns)
  groups <- levels_of[[columns[2]]]
  take <- function(level) {
    values <- as.numeric(frame[[columns[1]]][frame[[columns[2]]] %in% level])
    values[!is.na(values)]
  }
  first <- take(groups[1])
  second <- take(groups[2])
  test <- wilcox.test(second, first, correct = FALSE, exact = FALSE)
  sign(test$statistic - length(first) * length(second) / 2) * qnorm(test$p.value / 2, lower.tail = FALSE)
}

summarise <- function(a, frame) {
  values <- as.numeric(frame[[a$columns]])
  share <- c(min = 0, q1 = 0.25, median = 0.5, q3 = 0.75, max = 1)[a$part]
  quantile(values[!is.na(values)], share, type = 6)
}

count <- function(a, frame) {
  bits <- strsplit(a$columns, "=", fixed = TRUE)[[1]]
  known <- frame[[bits[1]]]
  known <- known[!is.na(known)]
  if (a$part == "n") sum(known == bits[2]) else 100 * mean(known == bits[2])
}

programs <- list(km = km, rates = rates, followup = followup, logrank = logrank, cox = cox,
                 logistic = logistic, association = association, ranks = ranks,
                 summary = summarise, count = count)
value <- sapply(seq_len(nrow(asked)), function(k) {
  a <- as.list(asked[k, ])
  found <- tryCatch(unname(programs[[a$kind]](a, restrict(frame_of(a$frame), a$where))),
                    error = function(e) NA)
  if (length(found) == 1) as.numeric(found) else NA
})
write.csv(data.frame(value = format(value, digits = 15)), file.path(folder, "values.csv"),
          row.names = FALSE, quote = FALSE)
cat(R.version.string, "survival", as.character(packageVersion("survival")), "\n")
