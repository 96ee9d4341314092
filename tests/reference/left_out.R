# Covariates of several tested by the likelihood ratio of leaving each out (R 4.2.2, survival
# 3.5-3): the numbers that tests/test_left_out.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/left_out.R      writes tests/reference/left_out.csv (12 digits)
# Data: deaths of colon, patients whose differentiation is known; death within three years.

suppressMessages(library(survival))
d <- colon[colon$etype == 2 & !is.na(colon$differ), ]
d$differ <- factor(d$differ)
d$sex <- factor(d$sex)
d$early <- as.numeric(d$time <= 1095 & d$status == 1)
out <- NULL
note <- function(model, fit) {
  found <- drop1(fit, test = "Chisq")
  out <<- rbind(out, data.frame(
    model, name = rownames(found)[-1],
    lr = formatC(found[-1, "Pr(>Chi)"], digits = 12, format = "g")
  ))
}
f <- Surv(time, status) ~ rx + sex + age
note("efron", coxph(f, d, ties = "efron"))
note("breslow", coxph(f, d, ties = "breslow"))
note("strata", coxph(update(f, . ~ . + strata(differ)), d))
note("logistic", glm(early ~ rx + sex + age, binomial, d, epsilon = 1e-14))
out <- out[out$name != "strata(differ)", ]
write.csv(out, "tests/reference/left_out.csv", row.names = FALSE)
