# The bootstrap of a regression table as an R user writes it: coxph and a formula in a loop.
#
#     Rscript benchmarks/bootstrap.R TABLE.csv RESAMPLES
#
# TABLE.csv: time, event and one column a covariate; TABLE.csv.levels: a line a factor, its name
# and its levels, reference first. Prints one line of JSON: versions, seconds of the loop, and
# the hazard ratios with their percentile limits for comparison.

suppressPackageStartupMessages(library(survival))

arguments <- commandArgs(trailingOnly = TRUE)
patients <- read.csv(arguments[1], na.strings = "", stringsAsFactors = FALSE)
resamples <- as.integer(arguments[2])
for (line in strsplit(readLines(paste0(arguments[1], ".levels")), "\t"))
  patients[[line[1]]] <- factor(patients[[line[1]]], levels = line[-1])
covariates <- setdiff(names(patients), c("time", "event"))

univariable <- lapply(covariates, function(name) reformulate(name, "Surv(time, event)"))
multivariable <- reformulate(covariates, "Surv(time, event)")
table_of <- function(data) {
  alone <- unlist(lapply(univariable, function(model) coef(coxph(model, data = data))))
  c(alone, coef(coxph(multivariable, data = data)))
}

set.seed(1)
started <- proc.time()[["elapsed"]]
drawn <- replicate(resamples, table_of(patients[sample(nrow(patients), replace = TRUE), ]))
seconds <- proc.time()[["elapsed"]] - started

limits <- exp(apply(drawn, 1, quantile, c(0.025, 0.975), na.rm = TRUE))
numbers <- function(x) paste0("[", paste(sprintf("%.9f", x), collapse = ", "), "]")
cat(sprintf(
  '{"r": "%s", "survival": "%s", "seconds": %.3f, "estimates": %s, "low": %s, "high": %s}\n',
  getRversion(), packageVersion("survival"), seconds, numbers(exp(table_of(patients))),
  numbers(limits[1, ]), numbers(limits[2, ])
))
