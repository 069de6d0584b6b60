# Rscript cd4.R: intervals of a correlation, Davison and Hinkley (1997), practical 5.4.
library(boot)
source("json.R")

# The correlation and its variance by the influence function.
correlated <- function(data, rows) {
  n <- length(rows)
  z <- scale(data[rows, ]) * sqrt(n / (n - 1))
  r <- mean(z[, 1] * z[, 2])
  influence <- z[, 1] * z[, 2] - r / 2 * (z[, 1]^2 + z[, 2]^2)
  c(r, sum(influence^2) / n^2)
}

intervals <- function(R) {
  b <- boot(cd4, correlated, R)
  L <- empinf(b, type = "jack")
  levels <- c(0.90, 0.95, 0.99)
  found <- boot.ci(b, conf = levels, L = L, type = c("norm", "basic", "perc", "stud", "bca"))
  # R's jackknife values are differences from the estimate, Efron's from their own mean.
  centred <- boot.ci(b, conf = levels, L = L - mean(L), type = "bca")
  ends <- function(table) table[, ncol(table) - 1:0]
  # Each resample in letters, a for the first row.
  rows <- apply(boot.array(b, indices = TRUE), 1, function(i) paste0(letters[i], collapse = ""))
  list(rows = rows, percentile = ends(found$percent), basic = ends(found$basic),
       normal = ends(found$normal), studentized = ends(found$student), bca = ends(centred$bca),
       bca_by_influence = ends(found$bca), influence = L)
}

set.seed(4711)
runs <- lapply(c(R999 = 999, R1000 = 1000, R2000 = 2000), intervals)
write_json(c(list(baseline = cd4$baseline, oneyear = cd4$oneyear), runs), "cd4.json")
