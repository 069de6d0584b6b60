# Rscript peers.R FOLDER FAMILY PEER B JOBS SEED UNITS: one turn of a peer in R, for peers.py, which
# writes the data to FOLDER. Rows are drawn in that many units of consecutive rows. Prints seconds
# of the processor and of the wall, evaluations and gradients of a refit, failures, and variances.
arguments <- commandArgs(TRUE)
folder <- arguments[1]
family <- arguments[2]
peer <- arguments[3]
B <- as.integer(arguments[4])
jobs <- as.integer(arguments[5])
set.seed(as.integer(arguments[6]), kind = "L'Ecuyer-CMRG")

doubles <- function(name) {
  path <- file.path(folder, name)
  readBin(path, "double", file.size(path) / 8)
}
estimate <- doubles("estimate")
y <- doubles("y")
X <- matrix(doubles("X"), length(y))
members <- matrix(seq_along(y), ncol = as.integer(arguments[7]))
clusters <- if (nrow(members) > 1) as.vector(col(members))

# The negative log-likelihoods and their gradients, as one writes them for optim.
nlls <- list(
  logit = function(b, X, y, w) {
    eta <- drop(X %*% b)
    sum(w * (log1p(exp(eta)) - y * eta))
  },
  nb2 = function(b, X, y, w) {
    k <- length(b)
    -sum(w * dnbinom(y, size = exp(-b[k]), mu = exp(drop(X %*% b[-k])), log = TRUE))
  },
  gamma = function(b, X, y, w) -sum(w * dgamma(y, exp(b[1]), scale = exp(b[2]), log = TRUE))
)
gradients <- list(
  logit = function(b, X, y, w) drop(crossprod(X, w * (plogis(drop(X %*% b)) - y))),
  nb2 = function(b, X, y, w) {
    k <- length(b)
    size <- exp(-b[k])
    mu <- exp(drop(X %*% b[-k]))
    by_eta <- w * (mu - y) / (1 + mu / size)
    by_size <- w * (digamma(y + size) - digamma(size) - log1p(mu / size))
    c(drop(crossprod(X, by_eta)), size * sum(by_size) + sum(by_eta))
  },
  gamma = function(b, X, y, w) {
    shape <- exp(b[1])
    c(shape * sum(w * (digamma(shape) + b[2] - log(y))), sum(w * (shape - y / exp(b[2]))))
  }
)

by_optim <- function(X, y, w = 1) {
  found <- optim(estimate, nlls[[family]], gradients[[family]], X = X, y = y, w = w,
                 method = "L-BFGS-B")
  c(found$par, found$counts, found$convergence != 0)
}
# Fisher scoring: a step is a gradient and a Hessian.
by_glm <- function(X, y, w = rep(1, length(y))) {
  found <- glm.fit(X, y, w, start = estimate, family = quasibinomial())
  c(found$coefficients, NA, found$iter, !found$converged)
}

by_boot <- function(refit) {
  drawn <- function(units, i) {
    rows <- as.vector(members[, i])
    refit(X[rows, , drop = FALSE], y[rows])
  }
  boot::boot(seq_len(ncol(members)), drawn, B, parallel = "multicore", ncpus = jobs)$t
}
by_fwb <- function() {
  refit <- if (family == "logit") by_glm else by_optim
  weighted <- function(data, w) refit(X, y, w)
  cores <- if (jobs > 1) jobs
  fwb::fwb(data.frame(y), weighted, B, cluster = clusters, verbose = FALSE, cl = cores)$t
}
by_sandwich <- function() {
  sandwich::vcovBS(model, cluster = clusters, R = B, start = TRUE, cores = jobs)
}
if (peer == "vcovBS") model <- glm(y ~ X - 1, family = binomial())
peers <- list(optim = function() by_boot(by_optim), glm.fit = function() by_boot(by_glm),
              fwb = by_fwb, vcovBS = by_sandwich)

spent <- system.time(found <- peers[[peer]]())
if (peer == "vcovBS") {
  counts <- c(NA, NA, NA)
  variances <- diag(found)
} else {
  own <- seq_along(estimate)
  counts <- c(colMeans(found[, -own]) * c(1, 1, B))
  variances <- apply(found[, own], 2, var)
}
processor <- sum(spent[-3])
cat(format(c(processor, spent[[3]], counts, variances), digits = 17), sep = "\n")
