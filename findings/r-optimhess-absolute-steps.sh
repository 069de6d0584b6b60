#!/usr/bin/env bash
# R 4.2.2: the Hessian of optimHess and optim(hessian = TRUE) depends on the unit of a covariate.
#
# It takes differences with steps of 0.001 in every parameter, whatever its size. The coefficient
# of an income in dollars is 2e-5 and its standard error 2e-6, a step 500 standard errors long. At
# the exact optimum of a logit the standard errors are then wrong by factors of 0.5 and 2.5 and
# look plausible; in thousands of dollars they agree with glm to three digits. stats4::mle takes
# its vcov from there.
#
# Needs Debian 12 or what installs its packages; R is unpacked in the temporary folder.
#
# Seen (2026-11-29):
#   income in units of 1 dollars: slope 2.23e-05 SE 1.95e-06
#       optimHess's SE / glm's: intercept 0.514 slope 2.539
#   income in units of 1000 dollars: slope 0.0223 SE 0.00195
#       optimHess's SE / glm's: intercept 1 slope 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p lists/partial archives/partial
apt=(apt-get -qq -o "Dir::State::lists=$work/lists" -o "Dir::Cache::archives=$work/archives")
apt+=(-o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=")
apt+=(-o Debug::NoLocking=1 -o APT::Sandbox::User=)
"${apt[@]}" update
"${apt[@]}" -y --no-install-recommends --reinstall --download-only install \
    r-base-core=4.2.2.20221110-2 >/dev/null
for archive in archives/*.deb; do dpkg-deb -x "$archive" .; done
# What the package writes, and links to, when it is installed.
cp --remove-destination etc/R/* usr/lib/R/etc/
cp --remove-destination usr/lib/R/etc/Renviron.ucf usr/lib/R/etc/Renviron
sed -i "s|=/usr/lib/R$|=$work/usr/lib/R|" usr/lib/R/bin/R
libraries=$(echo usr/lib/*-linux-gnu | sed "s|[^ ]*|$work/&:$work/&/blas:$work/&/lapack|g; s| |:|g")
LD_LIBRARY_PATH=$libraries usr/lib/R/bin/R --vanilla --no-echo <<'R'
set.seed(1)
n <- 2000
income <- rlnorm(n, 10.5, 0.6)  # dollars a year
y <- rbinom(n, 1, plogis(-1 + 2e-5 * income))
errors <- function(x, start) {
  nll <- function(b) {
    eta <- b[1] + b[2] * x
    sum(pmax(eta, 0) + log1p(exp(-abs(eta))) - y * eta)
  }
  sqrt(diag(solve(optimHess(start, nll))))
}
for (unit in c(1, 1000)) {
  fitted <- glm(y ~ I(income / unit), family = binomial)
  exact <- sqrt(diag(vcov(fitted)))
  ratio <- errors(income / unit, coef(fitted)) / exact
  cat("income in units of", unit, "dollars: slope", signif(coef(fitted)[2], 3),
      "SE", signif(exact[2], 3), "\n    optimHess's SE / glm's: intercept",
      round(ratio[1], 3), "slope", round(ratio[2], 3), "\n")
  if (unit == 1) stopifnot(ratio[1] < 0.7, ratio[2] > 2) else stopifnot(abs(ratio - 1) < 1e-3)
}
R
