"""Studies at a known truth, and models that have one, for tests, benchmarks and examples."""

from bootmle.simulation.binary import logit, probit
from bootmle.simulation.counts import nb2, poisson
from bootmle.simulation.coverage import coverage
from bootmle.simulation.latent import ordered_probit, tobit
from bootmle.simulation.mixture import normal_mixture
from bootmle.simulation.model import Model
from bootmle.simulation.normal import normal
from bootmle.simulation.panel import random_effects_logit
from bootmle.simulation.positive import exponential, gamma
from bootmle.simulation.series import ar1
from bootmle.simulation.study import Coverage
from bootmle.simulation.survival import weibull

__all__ = [
    "Coverage",
    "Model",
    "ar1",
    "coverage",
    "exponential",
    "gamma",
    "logit",
    "nb2",
    "normal",
    "normal_mixture",
    "ordered_probit",
    "poisson",
    "probit",
    "random_effects_logit",
    "tobit",
    "weibull",
]
