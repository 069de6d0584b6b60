"""Sampling plans, one file each: what replicate i is a sample of."""

from bootmle.sampling.bayesian import Bayesian
from bootmle.sampling.blocks import Blocks
from bootmle.sampling.cases import Cases
from bootmle.sampling.clustered import Clustered
from bootmle.sampling.given import Given
from bootmle.sampling.jackknife import Jackknife
from bootmle.sampling.parametric import Parametric
from bootmle.sampling.plan import Plan, Structure, check_independent_rows, draw_resample
from bootmle.sampling.registry import read_plan, restore_plan, write_labels
from bootmle.sampling.residual import Residual
from bootmle.sampling.stratified import Stratified
from bootmle.sampling.subsample import Subsample
from bootmle.sampling.wild import Wild

__all__ = [
    "Bayesian",
    "Blocks",
    "Cases",
    "Clustered",
    "Given",
    "Jackknife",
    "Parametric",
    "Plan",
    "Residual",
    "Stratified",
    "Structure",
    "Subsample",
    "Wild",
    "check_independent_rows",
    "draw_resample",
    "read_plan",
    "restore_plan",
    "write_labels",
]
