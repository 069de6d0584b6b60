"""Sampling plans, one file each: what replicate i is a sample of."""

from bootmle.sampling.bayesian import Bayesian
from bootmle.sampling.cases import Cases
from bootmle.sampling.clustered import Clustered
from bootmle.sampling.given import Given
from bootmle.sampling.parametric import Parametric
from bootmle.sampling.plan import Plan, draw_resample

__all__ = ["Bayesian", "Cases", "Clustered", "Given", "Parametric", "Plan", "draw_resample"]
