#!/usr/bin/env bash
# R 4.2.2, boot 1.3-28.1: boot.ci takes a second statistic for the variance of the first.
#
# boot() is asked for two estimates at once, a mean and a rate. boot.ci, not told otherwise,
# studentizes the first by the second as if that were its estimated variance, prints a
# "Studentized" interval, and says nothing; of a single statistic it says that variances are
# needed. An interval chosen for its coverage in small samples then covers less than it should.
#
# Needs Debian 12 or what installs its packages; R is unpacked in the temporary folder.
#
# Seen (2026-11-29):
#   Level      Basic             Studentized
#   95%   ( 0.589,  1.466 )   ( 0.485,  1.394 )
#   [1] "bootstrap variances needed for studentized intervals"
#   coverage of the 95% studentized interval of a mean, 1,000 exponential samples of 20
#   statistics (mean, rate = 1 / mean):             86.6 %
#   statistics (mean, its estimated variance):     94 %
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
    r-base-core=4.2.2.20221110-2 r-cran-boot=1.3-28.1-1 >/dev/null
for archive in archives/*.deb; do dpkg-deb -x "$archive" .; done
# What the package writes, and links to, when it is installed.
cp --remove-destination etc/R/* usr/lib/R/etc/
cp --remove-destination usr/lib/R/etc/Renviron.ucf usr/lib/R/etc/Renviron
sed -i "s|=/usr/lib/R$|=$work/usr/lib/R|" usr/lib/R/bin/R
libraries=$(echo usr/lib/*-linux-gnu | sed "s|[^ ]*|$work/&:$work/&/blas:$work/&/lapack|g; s| |:|g")
LD_LIBRARY_PATH=$libraries usr/lib/R/bin/R --vanilla --no-echo <<'R'
library(boot)
set.seed(1)
x <- rexp(20)
both <- boot(x, function(x, i) c(mean(x[i]), 1 / mean(x[i])), 999)
print(boot.ci(both, type = c("basic", "stud")))
same <- boot.ci(both, type = "stud", t0 = both$t0[1], t = both$t[, 1],
                var.t0 = both$t0[2], var.t = both$t[, 2])
stopifnot(all.equal(boot.ci(both, type = "stud")$student, same$student))
alone <- boot(x, function(x, i) mean(x[i]), 999)
warned <- tryCatch(boot.ci(alone, type = c("basic", "stud")), warning = conditionMessage)
print(warned)
stopifnot(warned == "bootstrap variances needed for studentized intervals")

covers <- function(statistic) {
  mean(replicate(1000, {
    ends <- boot.ci(boot(rexp(20), statistic, 499), type = "stud")$student[4:5]
    ends[1] < 1 && 1 < ends[2]
  }))
}
second <- covers(function(x, i) c(mean(x[i]), 1 / mean(x[i])))
own <- covers(function(x, i) c(mean(x[i]), var(x[i]) / length(x)))
cat("coverage of the 95% studentized interval of a mean, 1,000 exponential samples of 20\n")
cat("statistics (mean, rate = 1 / mean):            ", 100 * second, "%\n")
cat("statistics (mean, its estimated variance):    ", 100 * own, "%\n")
stopifnot(second < 0.90, own > 0.92)
R
