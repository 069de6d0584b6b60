r"""Bootstrap-first uncertainty for maximum-likelihood fits.

The way the data take::

    likelihood --(plan, i)--> reweighted likelihood --> refit --> replicates --> summaries
                                                                      \--> crosschecks

`fit` certifies the optimum, `bootstrap` refits it on resamples, `print(boot)` shows standard
errors with their Monte Carlo errors and intervals; `crosscheck(boot)` sets the errors of other
sources beside them, and says why they disagree.
"""

from bootmle.bootstrapping import bootstrap
from bootmle.crosschecks import Crosscheck, Flag, Verdict, crosscheck
from bootmle.derivatives import information
from bootmle.execution.stopping import Interrupted
from bootmle.fitting import Estimator, Fit, fit
from bootmle.loading import load
from bootmle.results import Bootstrap
from bootmle.sampling import (
    Bayesian,
    Blocks,
    Cases,
    Clustered,
    Given,
    Jackknife,
    Parametric,
    Stratified,
    Subsample,
)
from bootmle.simulation.coverage import coverage
from bootmle.simulation.study import Coverage
from bootmle.status import Status

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
    "Status",
    "Stratified",
    "Subsample",
    "Verdict",
    "bootstrap",
    "coverage",
    "crosscheck",
    "fit",
    "information",
    "load",
]
