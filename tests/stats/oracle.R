# Writes oracle.csv, what R says about cases that test_against_r.py asks this package about.
# Run again only to add cases:  Rscript oracle.R > oracle.csv   (R 4.2.2, survival 3.5-3)
# A row is: function, its numeric arguments, its numeric results; numbers separated by spaces.
options(warn = -1)
numbers <- function(x) paste(sprintf("%.15g", x), collapse = " ")
say <- function(what, given, found) cat(what, ",", numbers(given), ",", numbers(found), "\n", sep = "")
cat("function,arguments,results\n")

rates <- list(c(0, 1), c(1, 1), c(0, 40), c(1, 40), c(12, 40), c(21, 40), c(40, 40), c(3, 1000))
for (r in rates) {
  say("wilson", r, prop.test(r[1], r[2], correct = FALSE)$conf.int)
  say("clopper_pearson", r, binom.test(r[1], r[2])$conf.int)
  say("clopper_pearson_99", r, binom.test(r[1], r[2], conf.level = 0.99)$conf.int)
}
for (r in list(c(0, 1), c(1, 0.5), c(2, 12.5), c(137, 24.19893), c(400, 3)))
  say("poisson", r, c(poisson.test(r[1], r[2])$estimate, poisson.test(r[1], r[2])$conf.int))

pairs <- list(c(0, 40, 21, 40), c(0, 40, 0, 40), c(9, 40, 3, 40), c(2, 17, 10, 13), c(1, 4, 3, 4),
              c(5, 100, 7, 31), c(40, 40, 0, 3), c(11, 60, 25, 61))
for (p in pairs)
  say("fisher", p, fisher.test(matrix(c(p[3], p[4] - p[3], p[1], p[2] - p[1]), 2))$p.value)

for (p in list(0.03, c(0.01, 0.02, 0.03, 0.04, 0.05), c(0.2, 0.001, 0.04, 0.012, 0.9, 0.012)))
  say("holm", p, p.adjust(p, "holm"))

# Arguments: level failed, level not, reference failed, reference not; stratum after stratum.
Rabbits <- c(0, 6, 0, 5, 3, 3, 0, 6, 6, 0, 2, 4, 5, 1, 6, 0, 2, 0, 5, 0)
Berkeley <- c(aperm(UCBAdmissions, c(1, 2, 3)))
strata <- list(Rabbits, Berkeley, c(16, 11, 5, 20, 12, 16, 7, 19),
               c(5, 15, 0, 20, 7, 13, 1, 19, 4, 16, 0, 20, 6, 14, 0, 20))
for (s in strata) {
  x <- aperm(array(s, c(2, 2, length(s) / 4)), c(2, 1, 3))
  classic <- mantelhaen.test(x, correct = FALSE)
  exact <- mantelhaen.test(x, exact = TRUE)
  say("mantelhaen", s, c(classic$statistic, classic$p.value, exact$p.value, classic$estimate,
                         classic$conf.int))
}

# Arguments: times, then as many 0 or 1 for censored or seen. Results: distinct times, survival,
# lower and upper bound of each; NA where R gives none.
library(survival)
aml1 <- subset(aml, x == "Maintained")
aml2 <- subset(aml, x == "Nonmaintained")
for (d in list(aml1, aml2, data.frame(time = c(2, 2, 3, 5, 8, 8), status = c(0, 1, 0, 1, 1, 0)))) {
  f <- survfit(Surv(time, status) ~ 1, d, conf.type = "log-log")
  say("survfit", c(d$time, d$status), c(f$time, f$surv, f$lower, f$upper))
  say("median", c(d$time, d$status), summary(f)$table[c("median", "0.95LCL", "0.95UCL")])
}

for (q in c(0.5, 0.9, 0.99))
  say("quantile", c(q, 3, 1, 4, 1, 5, 9, 2, 6), quantile(c(3, 1, 4, 1, 5, 9, 2, 6), q))

# The uncorrected normal approximation: what Fisher's exact sizes must lie above.
for (p in list(c(0.5, 0.75, 0.9), c(0.525, 0.05, 0.9), c(0.1, 0.01, 0.8), c(0.5, 0.4, 0.8)))
  say("power_prop", p, power.prop.test(p1 = p[1], p2 = p[2], power = p[3])$n)
