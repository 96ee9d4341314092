# The numbers that tests/test_multistate_reference.py compares with (R 4.2.2, survival 3.5-3,
# cmprsk 2.2-11, etm 1.1.1, geepack 1.3.9). Run in the root of the checkout:
#   Rscript tests/reference/multistate.R
# Writes tests/reference/multistate.csv (15 significant digits). The tests make the same data
# from the same sets in PyPI `survival`.

suppressMessages({library(survival); library(cmprsk); library(etm); library(geepack)})
tight <- coxph.control(eps = 1e-12, iter.max = 50, toler.chol = 1e-13)
out <- NULL
note <- function(data, part, group, level, time, quantity, value) {
  out <<- rbind(out, data.frame(
    data, part, group, level, time, quantity,
    value = trimws(formatC(as.numeric(value), digits = 15, format = "g")), row.names = NULL
  ))
}

# ---- events with causes -------------------------------------------------------
m <- mgus2
m$time <- ifelse(m$pstat == 0, m$futime, m$ptime)
m$ev <- factor(ifelse(m$pstat == 0, 2 * m$death, 1), 0:2, c("censor", "pcm", "death"))
m$entry <- 0
m$sexM <- as.integer(m$sex == "M")
m$third <- cut(m$age, c(0, 60, 75, 120), labels = c("young", "middle", "old"))
m$w <- 1 + 0.5 * m$sexM + 0.25 * (m$age > 70)

a <- m                                      # the clock is age: late entry, rounding errors in ties
a$entry <- 12 * a$age
a$time <- a$entry + a$time + 0.1

p <- pbc                                    # whole months: many ties
p$time <- ceiling(p$time / 30.4375)
p$ev <- factor(p$status, 0:2, c("censor", "transplant", "death"))
p$entry <- ifelse(p$id %% 3 == 0, (p$id %% 7) / 2, 0)
p$entry <- ifelse(p$entry < p$time, p$entry, 0)
p$sexM <- as.integer(p$sex == "m")
p$third <- cut(p$bili, c(0, 1, 3, 50), labels = c("young", "middle", "old"))
p$w <- 1 + (p$age > 50) / 3

few <- data.frame(                          # one event a time, a group that dies out, nobody left
  time = c(1, 2, 2, 3, 3, 4, 5, 6, 6, 7, 8, 8, 9, 10, 11, 12, 12, 13, 14, 15),
  ev = factor(c(1, 1, 2, 0, 1, 2, 1, 2, 1, 0, 2, 1, 0, 2, 1, 1, 2, 0, 2, 1), 0:2,
              c("censor", "one", "two")),
  sex = factor(rep(c("F", "M"), 10)), entry = 0, w = 1,
  third = factor(c("young", "middle", "old")[c(1, 1, 1, 2, 2, 2, 1, 3, 3, 2, 3, 1, 2, 3, 3, 2, 3, 2, 1, 3)],
                 c("young", "middle", "old"))
)
few$sexM <- as.integer(few$sex == "M")
few$age <- c(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4)

sets <- list(mgus2 = list(m, c(60, 120, 240)), "mgus2 by age" = list(a, c(840, 960, 1080)),
             pbc = list(p, c(12, 36, 60, 120)), few = list(few, c(5, 8, 12)))

limits <- function(p, se) {                 # p^exp(+-z se / (p ln p))
  s <- exp(qnorm(0.975) * se / (p * -log(p)))
  cbind(p^s, p^(1 / s))
}

for (name in names(sets)) {
  d <- sets[[name]][[1]]; times <- sets[[name]][[2]]
  d$id <- seq_len(nrow(d))
  late <- any(d$entry > 0)
  d$s <- if (late) Surv(d$entry, d$time, d$ev) else Surv(d$time, d$ev)
  causes <- levels(d$ev)[-1]
  curve <- function(part, group, x, w) {
    x$w <- w
    f <- survfit(s ~ 1, x, weights = w, id = id)
    s <- summary(f, times = times, extend = TRUE)
    for (k in causes) {
      j <- which(f$states == k)
      note(name, part, group, k, times, "estimate", s$pstate[, j])
      note(name, part, group, k, times, "se", s$std.err[, j])
      ci <- limits(s$pstate[, j], s$std.err[, j])
      note(name, part, group, k, times, "conf_low", ci[, 1])
      note(name, part, group, k, times, "conf_high", ci[, 2])
      x$one <- if (late) Surv(x$entry, x$time, x$ev == k) else Surv(x$time, x$ev == k)
      km <- survfit(one ~ 1, x, weights = w, robust = TRUE, id = id)
      o <- summary(km, times = times, extend = TRUE)
      note(name, paste("naive", part), group, k, times, "estimate", 1 - o$surv)
      note(name, paste("naive", part), group, k, times, "se", o$std.err)
    }
  }
  for (g in levels(factor(d$sex))) curve("incidence", g, d[d$sex == g, ], rep(1, sum(d$sex == g)))
  curve("weighted", "all", d, d$w)
  if (late) {                               # a second program that knows late entry
    q <- etmCIF(Surv(entry, time, ev != "censor") ~ 1,
                data.frame(entry = d$entry, time = d$time, ev = d$ev),
                etype = d$ev, failcode = causes)
    for (k in causes) {
      z <- summary(q)[[1]][[paste("CIF", k)]]
      at <- sapply(times, function(t) z$P[max(which(z$time <= t))])
      note(name, "etm", "all", k, times, "estimate", at)
    }
  } else for (by in c("sex", "third")) {
    g <- cuminc(d$time, as.integer(d$ev) - 1, d[[by]], cencode = 0)$Tests
    note(name, "gray", by, causes, NA, "chi_square", g[, "stat"])
    note(name, "gray", by, causes, NA, "df", g[, "df"])
  }
  for (ties in c("efron", "breslow")) for (k in causes) {
    fg <- finegray(s ~ age + sexM + id, d, etype = k, id = id)
    fit <- coxph(Surv(fgstart, fgstop, fgstatus) ~ age + sexM + cluster(id), fg,
                 weights = fgwt, ties = ties, control = tight)
    note(name, paste("fine-gray", ties), k, names(coef(fit)), NA, "coef", coef(fit))
    note(name, paste("fine-gray", ties), k, names(coef(fit)), NA, "se", sqrt(diag(vcov(fit))))
    d$one <- if (late) Surv(d$entry, d$time, d$ev == k) else Surv(d$time, d$ev == k)
    fit <- coxph(one ~ age + sexM, d, ties = ties, control = tight)
    note(name, paste("cause", ties), k, names(coef(fit)), NA, "coef", coef(fit))
    note(name, paste("cause", ties), k, names(coef(fit)), NA, "se", sqrt(diag(vcov(fit))))
  }
  f <- survfit(s ~ 1, d, id = id)
  t <- times[2]
  pv <- pseudo(f, times = t)
  for (k in causes) {
    d$y <- if (is.matrix(pv)) pv[, which(f$states == k)] else pv[, 1, which(f$states == k)]
    note(name, "pseudo", k, as.character(1:6), t, "value", d$y[1:6])
    l <- lm(y ~ age + sexM, d)
    X <- model.matrix(l); B <- solve(crossprod(X)); V <- B %*% crossprod(X * resid(l)) %*% B
    note(name, "pseudo identity", k, c("age", "sexM"), t, "coef", coef(l)[-1])
    note(name, "pseudo identity", k, c("age", "sexM"), t, "se", sqrt(diag(V))[-1])
    if (name != "few" || k == "one") {
      e <- geese(y ~ age + sexM, id = id, data = d, mean.link = "logit", jack = FALSE,
                 variance = "gaussian", corstr = "independence", scale.fix = TRUE,
                 control = geese.control(epsilon = 1e-13, maxit = 100))
      note(name, "pseudo logit", k, c("age", "sexM"), t, "coef", e$beta[-1])
      note(name, "pseudo logit", k, c("age", "sexM"), t, "se", sqrt(diag(e$vbeta))[-1])
    }
  }
}

# ---- stays in states ----------------------------------------------------------
states <- c("controllable", "controllable recurrence", "failure", "death")
path <- function(id, r, f, d, e, entry) {   # one patient; NA: did not happen
  direct <- !is.na(f) && (is.na(r) || f <= r)
  if (direct) r <- NA
  when <- c(r, f, d)
  for (k in 2:3) {
    before <- max(0, when[seq_len(k - 1)], na.rm = TRUE)
    if (!is.na(when[k]) && when[k] <= before) when[k] <- before + 0.25
  }
  e <- max(e, when, na.rm = TRUE)
  to <- which(!is.na(when))
  x <- data.frame(id, t0 = c(0, when[to]), t1 = c(when[to], e),
                  from = states[c(1, to + 1)], to = c(states[to + 1], "censor"))
  x$since <- x$t0
  x <- x[x$t1 > x$t0 & x$from != "death", ]
  x$t0 <- pmax(x$t0, entry)
  x[x$t1 > x$t0, ]
}

y <- myeloid                                # transplant, relapse, death; half months: many ties
half <- function(days) ceiling(days / 30.4375 * 2) / 2
late <- ifelse(y$id %% 3 == 0, (y$id %% 11) * 1.5, 0)
myel <- function(entry) do.call(rbind, lapply(seq_len(nrow(y)), function(i) path(
  y$id[i], half(y$txtime[i]), half(y$rltime[i]), if (y$death[i] == 1) half(y$futime[i]) else NA,
  half(y$futime[i]), entry[i])))
D <- colon[colon$etype == 2 & colon$rx != "Lev", ]; R <- colon[colon$etype == 1 & colon$rx != "Lev", ]
D <- D[order(D$id), ]; R <- R[order(R$id), ]
cols <- do.call(rbind, lapply(seq_len(nrow(D)), function(i) path(
  D$id[i], if (R$status[i] == 1 && R$time[i] < D$time[i]) R$time[i] else NA, NA,
  if (D$status[i] == 1) D$time[i] else NA, D$time[i], 0)))

arm <- list(colon = setNames(as.integer(D$rx == "Lev+5FU"), D$id),
            myeloid = setNames(as.integer(y$trt == "B"), y$id))
arm[["myeloid late"]] <- arm$myeloid
sets <- list(colon = list(cols, c(365, 1000, 1826.25), 1826.25, 365.25),
             myeloid = list(myel(0 * late), c(6, 12, 36, 60), c(36, 60), 12),
             "myeloid late" = list(myel(late), c(6, 12, 36, 60), c(36, 60), 12))

for (name in names(sets)) {
  L <- sets[[name]][[1]]; times <- sets[[name]][[2]]; taus <- sets[[name]][[3]]
  L$arm <- arm[[name]][as.character(L$id)]
  used <- states[states %in% c(L$from, L$to)]
  L$st <- factor(L$to, c("censor", used[-1]))
  L$from <- factor(L$from, used[-length(used)])
  note(name, "rows", "all", "all", NA, "n", nrow(L))
  start <- c(1, rep(0, length(used) - 1))
  for (g in 0:1) {
    x <- L[L$arm == g, ]
    x$w <- 1
    aj <- function(x) survfit(Surv(t0, t1, st) ~ 1, x, id = id, istate = from, weights = w,
                              p0 = setNames(start, c(used)))
    f <- aj(x)
    s <- summary(f, times = times)
    place <- match(used, f$states)
    for (j in seq_along(used)) {
      note(name, "states", g, used[j], times, "estimate", s$pstate[, place[j]])
      note(name, "states", g, used[j], times, "se", s$std.err[, place[j]])
    }
    area <- function(x, tau) {
      z <- aj(x)
      at <- z$time < tau
      w <- diff(c(0, z$time[at], tau))
      colSums(w * rbind(start[match(z$states, used)], z$pstate[at, , drop = FALSE]))[match(used, z$states)]
    }
    for (tau in taus) {
      # residuals(type = "sojourn") of 3.5-3 is wrong with several rows a patient:
      # the derivative by each patient's weight in its place
      ids <- unique(x$id); eps <- 1e-3
      grad <- sapply(ids, function(i) {
        up <- x; up$w[up$id == i] <- 1 + eps; down <- x; down$w[down$id == i] <- 1 - eps
        (area(up, tau) - area(down, tau)) / (2 * eps)
      })
      note(name, "months", g, used, tau, "estimate", area(x, tau))
      note(name, "months", g, used, tau, "se", sqrt(rowSums(grad^2)))
    }
  }
  year <- sets[[name]][[4]]
  for (ties in c("efron", "breslow")) for (a in used) for (b in used) {
    x <- L[L$from == a, ]
    if (sum(x$to == b) < 10) next
    way <- paste0(a, ">", b)
    put <- function(part, fit, j = 1) {
      note(name, paste(part, ties), way, names(coef(fit))[j], NA, "coef", coef(fit)[j])
      note(name, paste(part, ties), way, names(coef(fit))[j], NA, "se", sqrt(diag(vcov(fit)))[j])
    }
    put("forward", coxph(Surv(t0, t1, to == b) ~ arm, x, ties = ties, control = tight))
    if (a == used[1]) next
    x$entered <- x$since / year
    put("markov", coxph(Surv(t0, t1, to == b) ~ arm + entered, x, ties = ties, control = tight), 2)
    put("reset", coxph(Surv(t0 - since, t1 - since, to == b) ~ arm, x, ties = ties, control = tight))
  }
}

write.csv(out, "tests/reference/multistate.csv", row.names = FALSE, quote = TRUE)
