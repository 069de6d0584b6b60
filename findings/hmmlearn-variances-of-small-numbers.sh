#!/usr/bin/env bash
# hmmlearn 0.3.3: fit() does not maximize the likelihood: it adds 0.01 to each state's sum of squares.
#
# GaussianHMM has a prior for the variances by default (covars_prior=0.01), in the units of the data. Of
# daily returns with regimes of 0.5% and 2% the sums of squares are of that size. So the calm regime's
# standard deviation is twice what it is in percent, the regimes are other ones, score() is below the
# maximum, and a parametric bootstrap of such a fit is of too wide a model. monitor_ says converged.
#
# Seen (Python 3.11.7, 2026-11-29; 200 days, regimes of 0.5% and 2% with 5 and 4 days in 100 changing):
