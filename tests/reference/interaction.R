# Products tested by the likelihood ratio of two Cox models (R 4.2.2, survival 3.5-3): the numbers
# that tests/test_interaction_tests.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/interaction.R      writes tests/reference/interaction.csv (12 digits)
# Data: deaths of colon, patients whose differentiation is known.

suppressMessages(library(survival))
d <- colon[colon$etype == 2 & !is.na(colon$differ), ]
d$differ <- factor(d$differ)
d$sex <- factor(d$sex)
out <- NULL
note <- function(name, ties, more, without) {
  out <<- rbind(out, data.frame(
    name, ties, lr = formatC(anova(without, more)[2, "Pr(>|Chi|)"], digits = 12, format = "g")
  ))
}
for (ties in c("efron", "breslow")) {
  fit <- function(f) coxph(f, d, ties = ties)
  note("sex:node4", ties, fit(Surv(time, status) ~ sex * node4), fit(Surv(time, status) ~ sex + node4))
  note("rx:differ", ties, fit(Surv(time, status) ~ rx * differ), fit(Surv(time, status) ~ rx + differ))
  note("rx:sex, adjusted", ties, fit(Surv(time, status) ~ rx * sex + age),
       fit(Surv(time, status) ~ rx + sex + age))
  note("sex:age, stratified", ties, fit(Surv(time, status) ~ sex * age + strata(differ)),
       fit(Surv(time, status) ~ sex + age + strata(differ)))
}
write.csv(out, "tests/reference/interaction.csv", row.names = FALSE)
