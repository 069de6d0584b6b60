r"""Bootstrap-first uncertainty for maximum-likelihood fits.

The way the data take::

    likelihood --(plan, i)--> reweighted likelihood --> refit --> replicates --> summaries
                                                                      \--> crosschecks

`fit` certifies the optimum, `bootstrap` refits it on resamples, `print(boot)` shows standard
errors with their Monte Carlo errors and intervals; `crosscheck(boot)` sets the errors of other
sources beside them, and says why they disagree.
"""

from typing import Never as _Never

from bootmle.bootstrapping.bootstrap import bootstrap
from bootmle.bootstrapping.loading import load
from bootmle.bootstrapping.results import Bootstrap
from bootmle.crosschecks import Crosscheck, Flag, Verdict, crosscheck
from bootmle.display.known_names import refuse_member as _refuse_member
from bootmle.execution.stopping import Interrupted
from bootmle.fitting.distributions import fit_distribution
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit, fit
from bootmle.fitting.numpyro import fit_numpyro
from bootmle.fitting.statsmodels import fit_statsmodels
from bootmle.likelihood.information import information
from bootmle.optimization.status import Status
from bootmle.sampling import (
    Bayesian,
    Blocks,
    Cases,
    Clustered,
    Given,
    Jackknife,
    Parametric,
    Residual,
    Stratified,
    Subsample,
    Wild,
)
from bootmle.simulation.coverage import coverage
from bootmle.simulation.study import Coverage

__version__ = "0.1.0"

__all__ = [
    "Bayesian",
    "Blocks",
    "Bootstrap",
    "Cases",
    "Clustered",
    "Coverage",
    "Crosscheck",
    "Estimator",
    "Fit",
    "Flag",
    "Given",
    "Interrupted",
    "Jackknife",
    "Parametric",
    "Residual",
    "Status",
    "Stratified",
    "Subsample",
    "Verdict",
    "Wild",
    "bootstrap",
    "coverage",
    "crosscheck",
    "fit",
    "fit_distribution",
    "fit_numpyro",
    "fit_statsmodels",
    "information",
    "load",
]


def __getattr__(name: str) -> _Never:
    _refuse_member(name, __all__)
