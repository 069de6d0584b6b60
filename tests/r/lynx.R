# Rscript lynx.R: block bootstraps of the lynx trappings by tsboot.
library(boot)
source("json.R")

R <- 20000
length_of <- 9
y <- cbind(log10(as.vector(lynx)))
lagged <- embed(y, 3)

# The Gaussian likelihood of an autoregression, whose contributions are drawn in blocks.
autoregression <- function(rows) {
  X <- cbind(1, rows[, 2:3])
  b <- qr.coef(qr(X), rows[, 1])
  c(b, log(mean((rows[, 1] - X %*% b)^2)) / 2)
}

# What depends on the order of the rows that are drawn.
roughness <- function(rows) c(1000 * mean(rows), mean(abs(diff(rows))))

# Covariance and mean of R replicates, and 8 resamples, row numbers from 0, with theirs.
drawn <- function(data, statistic, ...) {
  b <- tsboot(data, statistic, R, l = length_of, ...)
  rows <- tsboot(cbind(seq_len(nrow(data))), as.vector, 8, l = length_of, ...)$t
  refits <- t(apply(rows, 1, function(i) statistic(data[i, , drop = FALSE])))
  list(covariance = cov(b$t), mean = colMeans(b$t), rows = rows - 1, refits = refits)
}

every <- function(data, statistic) {
  list(stationary = drawn(data, statistic, sim = "geom"),
       circular = drawn(data, statistic, sim = "fixed", endcorr = TRUE),
       moving = drawn(data, statistic, sim = "fixed", endcorr = FALSE))
}

set.seed(1)
write_json(list(
  R = R, length = length_of, y = as.vector(y), autoregression = every(lagged, autoregression),
  roughness = every(y, roughness)), "lynx.json")
