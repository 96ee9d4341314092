# The numbers that tests/test_specification_forms.py compares with (R 4.2.2, survival 3.5-3).
# Run in the root of the checkout: Rscript tests/reference/specification.R
# Writes tests/reference/specification.csv (15 significant digits).

suppressMessages(library(survival))

tight <- coxph.control(eps = 1e-11, iter.max = 50)  # R's default stops at 1e-9
exact <- list(epsilon = 1e-14, maxit = 100)
out <- NULL
note <- function(data, form, ties, fit, name) {
  value <- c(coef(fit)[name], sqrt(diag(vcov(fit)))[names(coef(fit)) == name])
  value <- trimws(formatC(as.numeric(value), digits = 15, format = "g"))
  out <<- rbind(out, data.frame(data, form, ties, quantity = c("log_hr", "se"), value))
}

# One specification: hormon adjusted for age, nodes and menopause, each way to tell the effect.
forms <- function(data, d, ties) {
  d$id <- seq_len(nrow(d))
  weighted <- function(form, w) {
    d$w <- w
    note(data, form, ties, coxph(Surv(time, event) ~ t, d, weights = w, robust = TRUE, ties = ties,
                                 control = tight), "t")
  }
  adjusted <- coxph(Surv(time, event) ~ age + nodes + meno + t, d, ties = ties, control = tight)
  note(data, "adjusted", ties, adjusted, "t")
  e <- fitted(glm(t ~ age + nodes + meno, binomial, d, control = exact))
  weighted("overlap weighted", ifelse(d$t == 1, 1 - e, e))
  odds <- e / (1 - e)
  capped <- pmin(odds, quantile(odds[d$t == 0], 0.99))
  weighted("att weighted", ifelse(d$t == 1, 1, capped))
  alone <- coxph(Surv(time, ends == 1) ~ age + nodes + meno + t, d, ties = ties, control = tight)
  note(data, "cause specific", ties, alone, "t")
  d$ends <- factor(d$ends, 0:2, c("censored", "recurrence", "death"))
  fg <- finegray(Surv(time, ends) ~ ., d, etype = "recurrence")
  note(data, "fine-gray", ties,
       coxph(Surv(fgstart, fgstop, fgstatus) ~ age + nodes + meno + t + cluster(id), fg,
             weights = fgwt, ties = ties, control = tight), "t")
}

r <- rotterdam
r$first <- ifelse(r$recur == 1, r$rtime, r$dtime)
forms("rotterdam", data.frame(time = r$first, event = as.integer(r$recur == 1 | r$death == 1),
                              ends = ifelse(r$recur == 1, 1, ifelse(r$death == 1, 2, 0)),
                              t = r$hormon, age = r$age, nodes = r$nodes, meno = r$meno), "efron")
m <- subset(mgus2, !is.na(creat) & !is.na(hgb) & !is.na(mspike))
m$first <- ifelse(m$pstat == 1, m$ptime, m$futime)
for (ties in c("efron", "breslow"))
  forms("mgus2", data.frame(time = m$first, event = as.integer(m$pstat == 1 | m$death == 1),
                            ends = ifelse(m$pstat == 1, 1, ifelse(m$death == 1, 2, 0)),
                            t = as.integer(m$mspike >= 1.5), age = m$age, nodes = m$hgb,
                            meno = as.integer(m$sex == "M")), ties)

# Treatment that begins later: Stanford hearts, adjusted for age and earlier surgery.
for (ties in c("efron", "breslow"))
  note("heart", "time dependent", ties,
       coxph(Surv(start, stop, event) ~ age + surgery + I(transplant == 1), heart, ties = ties,
             control = tight), "I(transplant == 1)TRUE")

write.csv(out, "tests/reference/specification.csv", row.names = FALSE, quote = FALSE)
