# Cumulative incidences of two endpoints (R 4.2.2, survival 3.5-3, cmprsk 2.2-11): the numbers that
# tests/test_incidences.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/incidences.R      writes tests/reference/incidences.csv (15 digits)
# Data: rotterdam. Recurrence, while death without it competes (days; a death on the day of the
# recurrence is none without it), by hormonal therapy and by size in three.

suppressMessages({library(survival); library(cmprsk)})
d <- rotterdam
d$time <- ifelse(d$recur == 1, pmin(d$rtime, d$dtime), d$dtime) / 30.4375
d$ev <- ifelse(d$recur == 1, 1, 2 * d$death)
d$s <- Surv(d$time, factor(d$ev, 0:2, c("censor", "event", "competing")))
times <- c(12, 36, 60, 120)
out <- NULL
note <- function(group, cause, time, quantity, value) {
  out <<- rbind(out, data.frame(
    group, cause, time, quantity, value = formatC(as.numeric(value), digits = 15, format = "g")
  ))
}
limits <- function(p, se) {                 # p^exp(+-z se / (p ln p))
  s <- exp(qnorm(0.975) * se / (p * -log(p)))
  cbind(p^s, p^(1 / s))
}
for (by in c("hormon", "size")) {
  g <- cuminc(d$time, d$ev, d[[by]], cencode = 0)
  at <- timepoints(g, times)
  f <- summary(survfit(as.formula(paste("s ~", by)), d), times = times)
  for (k in 1:2) {
    cause <- c("event", "competing")[k]
    note(by, cause, NA, "chi_square", g$Tests[k, "stat"])
    note(by, cause, NA, "p", g$Tests[k, "pv"])
    for (level in sort(unique(d[[by]]))) {
      name <- paste(level, k)
      note(paste0(by, "=", level), cause, times, "estimate", at$est[name, ])
      ci <- limits(at$est[name, ], sqrt(at$var[name, ]))
      note(paste0(by, "=", level), cause, times, "cmprsk low", ci[, 1])
      note(paste0(by, "=", level), cause, times, "cmprsk high", ci[, 2])
      own <- f$strata == paste0(by, "=", level)
      note(paste0(by, "=", level), cause, times, "survfit low", f$lower[own, k + 1])
      note(paste0(by, "=", level), cause, times, "survfit high", f$upper[own, k + 1])
    }
  }
}
write.csv(out, "tests/reference/incidences.csv", row.names = FALSE)
