# Rscript infert.R: a logit of R's infert, drawn by strata and by clusters; sandwiches.
library(boot)
library(sandwich)
source("json.R")

R <- 20000
y <- infert$case
X <- cbind(1, infert$age, infert$parity, infert$spontaneous)
education <- as.integer(infert$education)
matched <- split(seq_along(y), infert$stratum)
model <- glm(case ~ age + parity + spontaneous, binomial, infert, epsilon = 1e-13)
exact <- glm.control(epsilon = 1e-12)

refit <- function(rows) {
  glm.fit(X[rows, ], y[rows], start = coef(model), family = binomial(), control = exact)$coef
}

# Influence values over the units of a stratum: Davison and Hinkley (1997), section 5.3.
pulls <- function(jackknife, strata) {
  centred <- apply(jackknife, 2, function(t) ave(t, strata) - t)
  centred * (1 - 1 / ave(strata, strata, FUN = length))
}

ends <- function(b, j, L) {
  found <- boot.ci(b, conf = c(0.90, 0.95), index = j, L = L[, j],
                   type = c("norm", "basic", "perc", "bca"))
  tables <- list(found$percent, found$basic, found$normal, found$bca)
  sapply(tables, function(table) as.vector(t(table[, ncol(table) - 1:0])))
}

# Rows: the ends of each parameter; columns: 90% low, high, 95% low, high.
summaries <- function(b, jackknife, strata) {
  L <- pulls(jackknife, strata)
  all <- lapply(1:4, function(j) ends(b, j, L))
  table <- function(k) t(sapply(all, function(one) one[, k]))
  list(covariance = cov(b$t), bias = colMeans(b$t) - b$t0, percentile = table(1),
       basic = table(2), normal = table(3), bca = table(4))
}

first <- function(b, rows_of) {
  drawn <- boot.array(b, indices = TRUE)[1:10, ]
  rows <- lapply(1:10, function(i) rows_of(drawn[i, ]) - 1)
  names(rows) <- paste0("r", 1:10)
  list(rows = rows, refits = b$t[1:10, ])
}

without <- function(units) t(sapply(units, function(unit) refit(setdiff(seq_along(y), unit))))

set.seed(1)
by_strata <- boot(infert, function(data, i) refit(i), R, strata = education)
of_units <- function(i) unlist(matched[i], use.names = FALSE)
by_clusters <- boot(seq_along(matched), function(units, i) refit(of_units(units[i])), R)

write_json(list(
  R = R, case = y, age = infert$age, parity = infert$parity,
  spontaneous = infert$spontaneous, education = education, matched = infert$stratum,
  estimate = coef(model), hessian = vcov(model), sandwich = sandwich(model),
  cluster = vcovCL(model, cluster = ~stratum, type = "HC0", cadjust = FALSE),
  vcovBS = vcovBS(model, cluster = ~stratum, R = R),
  Stratified = c(summaries(by_strata, without(seq_along(y)), education),
                 first(by_strata, identity)),
  Clustered = c(summaries(by_clusters, without(matched), rep(1, length(matched))),
                first(by_clusters, of_units))), "infert.json")
