"""Models with a known truth, for tests and benchmarks."""

from models.binary import logit, probit
from models.clustered import clustered_linear, clustered_logit, clustered_nb2
from models.counts import nb2, poisson
from models.latent import ordered_probit, tobit
from models.mixture import normal_mixture
from models.model import Model
from models.normal import normal
from models.panel import random_effects_logit
from models.positive import exponential, gamma
from models.series import ar1
from models.survival import weibull

__all__ = [
    "Model",
    "ar1",
    "clustered_linear",
    "clustered_logit",
    "clustered_nb2",
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
