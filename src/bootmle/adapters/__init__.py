"""Adapters: fits made by other packages, and distributions, as a Fit."""

from bootmle.adapters.distributions import fit_distribution
from bootmle.adapters.statsmodels import fit_statsmodels

__all__ = ["fit_distribution", "fit_statsmodels"]
