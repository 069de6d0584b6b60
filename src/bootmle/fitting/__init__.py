"""Fitting: the verb `fit`, and one refit routine for the original, replicates and simulations."""

from bootmle.fitting.estimator import Estimator, EstimatorRefit
from bootmle.fitting.fit import Fit, fit
from bootmle.fitting.refit import LikelihoodRefit

__all__ = ["Estimator", "EstimatorRefit", "Fit", "LikelihoodRefit", "fit"]
