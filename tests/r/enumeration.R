# Rscript enumeration.R: all resamples of five observations with their probabilities.
source("json.R")

x <- c(1, 2, 4, 7, 11)
y <- c(2.5, 0.5, 8, 3, 21)
sides <- c(1, 1, 1, 2, 2)
pairs <- c(1, 1, 2, 2, 3)

# A log mean and 1000 times a rate, maximum-likelihood estimates of an exponential and a Poisson.
estimates <- function(rows) c(log(mean(y[rows])), 1000 * sum(y[rows]) / sum(x[rows]))
# What depends on the order of the rows.
roughness <- function(rows) c(mean(y[rows]), 1000 * mean(abs(diff(x[rows]))))

moments <- function(values, share) {
  mean <- colSums(values * share)
  centred <- sweep(values, 2, mean)
  list(mean = mean, covariance = crossprod(centred, centred * share),
       fourth = colSums(centred^4 * share))
}

of_all <- function(rows, share, statistic) moments(t(sapply(rows, statistic)), share)

# Distinct counts of the five observations, as words of five digits.
summed <- function(rows, share) {
  words <- sapply(rows, function(i) paste(tabulate(i, 5), collapse = ""))
  first <- !duplicated(words)
  c(list(counts = words[first], share = as.vector(tapply(share, words, sum)[words[first]]),
         refits = t(sapply(rows[first], estimates))), of_all(rows, share, estimates))
}

# All choices of one element from each of several lists, joined.
choices <- function(...) {
  grid <- expand.grid(lapply(list(...), seq_along))
  apply(grid, 1, function(i) unlist(Map(`[[`, list(...), i)), simplify = FALSE)
}

uniform <- function(rows) summed(rows, rep(1 / length(rows), length(rows)))
times <- function(k, options) do.call(choices, rep(list(options), k))

members <- unname(split(1:5, pairs))
cases <- times(5, as.list(1:5))
strata <- do.call(choices, c(rep(list(as.list(1:3)), 3), rep(list(as.list(4:5)), 2)))
clusters <- times(3, members)

# A cluster, then rows within it: 4 ways for a pair and 1 for a single row.
within <- do.call(c, lapply(members, function(m) do.call(choices, rep(list(as.list(m)), length(m)))))
chance <- rep(1 / 3 / lengths(members)^lengths(members), lengths(members)^lengths(members))
drawn_within <- times(3, within)
share_within <- apply(expand.grid(chance, chance, chance), 1, prod)

block <- function(start) (start + 0:1 - 1) %% 5 + 1
cut <- function(blocks) lapply(blocks, head, 5)
moving <- cut(times(3, lapply(1:4, block)))
circular <- cut(times(3, lapply(1:5, block)))
# Mean length 2: the next row follows or a new block begins, with probability 1/2 each.
follow <- function(i) prod(0.1 + 0.5 * ((i[-1] - i[-5]) %% 5 == 1)) / 5
share_stationary <- sapply(cases, follow)

equal <- function(rows) rep(1 / length(rows), length(rows))
write_json(list(
  x = x, y = y, sides = sides, pairs = pairs,
  Cases = uniform(cases), Stratified = uniform(strata), Clustered = uniform(clusters),
  within = summed(drawn_within, share_within), moving = uniform(moving),
  circular = uniform(circular), stationary = summed(cases, share_stationary),
  roughness = list(
    moving = of_all(moving, equal(moving), roughness),
    circular = of_all(circular, equal(circular), roughness),
    stationary = of_all(cases, share_stationary, roughness))), "enumeration.json")
