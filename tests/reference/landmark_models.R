# A Cox model from a day on, of those alive and followed then (R 4.2.2, survival 3.5-3): the numbers
# that tests/test_landmark_models.py compares with. Run in the root of the checkout:
#   Rscript tests/reference/landmark_models.R      writes tests/reference/landmark_models.csv
# Data: deaths of colon from day 183 on, patients whose differentiation is known (12 digits).

suppressMessages(library(survival))
d <- colon[colon$etype == 2 & !is.na(colon$differ) & colon$time > 183, ]
d$sex <- factor(d$sex)
fit <- summary(coxph(Surv(time - 183, status) ~ rx + sex + age, d))
found <- data.frame(
  name = rownames(fit$coefficients), ratio = fit$conf.int[, 1], low = fit$conf.int[, 3],
  high = fit$conf.int[, 4], p = fit$coefficients[, 5], n = fit$n, events = fit$nevent
)
for (column in names(found)[2:5]) found[[column]] <- formatC(found[[column]], digits = 12, format = "g")
write.csv(found, "tests/reference/landmark_models.csv", row.names = FALSE)
