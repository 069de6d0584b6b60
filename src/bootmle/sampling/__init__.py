"""Sampling plans, one file each: what replicate i is a sample of."""

from bootmle.sampling.bayesian import Bayesian
from bootmle.sampling.cases import Cases
from bootmle.sampling.given import Given
from bootmle.sampling.plan import Plan

__all__ = ["Bayesian", "Cases", "Given", "Plan"]
