"""The problems: a model, a data set, and where a user would start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle import Cases, Fit, fit
from bootmle.demo import load_rand, nb2_nll
from bootmle.likelihood.arrays import Floats
from bootmle.sampling.resample import Resample
from models import Model, exponential, gamma, logit, nb2, normal_mixture, ordered_probit, weibull

MODES = {
    "contributions": (False, False),
    "contributions, jac": (False, True),
    "scalar": (True, False),
    "scalar, jac": (True, True),
}
"""Whether the objective returns its total, and whether a gradient is given."""

SEED = 1
"""The entropy of all resamples."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One model with its data."""

    name: str
    nll: Callable[..., Floats]
    scores: Callable[..., Floats]
    args: tuple[Any, ...]
    start: Floats
    names: tuple[str, ...]

    @property
    def n(self) -> int:
        return len(self.args[-1])

    def take(self, rows: np.ndarray[Any, np.dtype[np.intp]]) -> tuple[Any, ...]:
        return tuple(arg[rows] for arg in self.args)

    def total(self, params: Floats, *args: Any) -> float:
        return float(self.nll(params, *args).sum())

    def gradient(self, params: Floats, *args: Any) -> Floats:
        return np.asarray(self.scores(params, *args).sum(axis=0))

    def fit(self, mode: str) -> Fit:
        scalar, with_jac = MODES[mode]
        fun, jac = (self.total, self.gradient) if scalar else (self.nll, self.scores)
        jac_given = jac if with_jac else None
        return fit(fun, self.start, self.args, jac=jac_given, names=self.names)


def draw(n: int, replicate: int) -> Resample:
    """Draw the rows of one replicate, as `bootstrap(..., rng=SEED)` does."""
    sequence = np.random.SeedSequence(SEED, spawn_key=(replicate,))
    return Cases().draw(n, replicate, np.random.default_rng(sequence))


def simulated(model: Model, n: int, seed: int, start: Floats | None = None) -> Problem:
    """Draw a data set from a model."""
    args = model.data(n, np.random.default_rng(seed))
    return Problem(
        model.name,
        model.nll,
        model.scores,
        args,
        model.truth if start is None else start,
        model.names,
    )


def rand() -> Problem:
    """Read the RAND data."""
    X, y, names = load_rand()
    return Problem("RAND", nb2_nll, nb2().scores, (X, y), np.zeros(len(names)), names)


def large_problems() -> list[Problem]:
    """List the problems at n=1500, and the RAND data."""
    cuts = np.concatenate([np.zeros(9), [-0.5, 0.0, 0.5]])
    return [
        simulated(logit(), 1500, 0, np.zeros(12)),
        simulated(nb2(), 1500, 0, np.zeros(12)),
        simulated(weibull(), 1500, 0, np.zeros(12)),
        simulated(normal_mixture(), 1500, 0, np.array([-1.0, 2.0, 0.0, 0.0])),
        simulated(ordered_probit(), 1500, 0, cuts),
        rand(),
    ]


def small_models() -> dict[str, Model]:
    """Name the small-sample models."""
    return {
        "exponential, log": exponential(),
        "exponential, raw": exponential(log=False),
        "gamma, log": gamma(),
        "gamma, raw": gamma(log=False),
        "weibull": weibull(n_covariates=0),
        "weibull, 2 covariates": weibull(n_covariates=2),
        "logit, 1 covariate": logit(n_covariates=1),
        "logit, 2 covariates": logit(n_covariates=2),
        "logit, 3 covariates": logit(n_covariates=3),
    }
