"""What the peers are timed on: five models, how each resamples, and the gradients of their sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, expit

from bootmle import Cases, Clustered, Fit
from bootmle.likelihood.arrays import Floats
from bootmle.sampling import Plan
from models import gamma, logit, nb2
from problems import Problem, rand, simulated

OURS = ("contributions", "contributions, jac")
"""The modes that the peers are compared with."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A model with its data, and the rows of every unit that is drawn: one row, or a cluster's."""

    name: str
    family: str
    problem: Problem
    gradient: Callable[..., Floats]
    members: NDArray[np.intp]
    fits: dict[str, Fit]

    @classmethod
    def of(cls, name: str, family: str, problem: Problem, n_units: int | None = None) -> Case:
        """Fit a problem, its rows drawn one by one or in clusters of equal size."""
        members = np.arange(problem.n).reshape(n_units or problem.n, -1)
        fits = {mode: problem.fit(mode) for mode in OURS}
        return cls(name, family, problem, GRADIENTS.get(family, problem.gradient), members, fits)

    @property
    def estimate(self) -> Floats:
        return self.fits[OURS[1]].estimate

    @property
    def clusters(self) -> NDArray[np.intp] | None:
        """Label each row with its cluster; None where rows are drawn one by one."""
        size = self.members.shape[1]
        return None if size == 1 else np.repeat(np.arange(len(self.members)), size)

    @property
    def sampling(self) -> Plan:
        return Cases() if self.clusters is None else Clustered(self.clusters)

    def take(self, units: NDArray[np.intp]) -> tuple[Any, ...]:
        """Take the rows of some units."""
        return self.problem.take(self.members[units].ravel())

    def resample(self, rng: np.random.Generator) -> tuple[Any, ...]:
        """Draw the units and take their rows, as a hand-written loop does."""
        return self.take(rng.integers(len(self.members), size=len(self.members)))


def logit_gradient(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the gradient of the sum, as one writes it for `minimize`, (p,)."""
    return X.T @ (expit(X @ params) - y)


def nb2_gradient(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the gradient of the sum, as one writes it for `minimize`, (p,)."""
    size, odds = np.exp(-params[-1]), np.exp(X @ params[:-1] + params[-1])
    by_eta = (odds * size - y) / (1.0 + odds)
    by_size = digamma(y + size) - digamma(size) - np.log1p(odds)
    return np.append(X.T @ by_eta, size * by_size.sum() + by_eta.sum())


GRADIENTS = {"logit": logit_gradient, "nb2": nb2_gradient}
"""They take a third of the time of the scores that our refits are given."""


def clustered_logit(n_clusters: int = 100) -> Problem:
    """Draw a logit at n=1500 whose clusters differ in their intercepts, by 0.7 on average."""
    problem = simulated(logit(), 1500, 0, np.zeros(12))
    X, _ = problem.args
    rng = np.random.default_rng(1)
    effects = np.repeat(rng.normal(0.0, 0.7, n_clusters), len(X) // n_clusters)
    y = (rng.random(len(X)) < expit(X @ logit().truth + effects)).astype(float)
    return replace(problem, name="clustered logit", args=(X, y))


CASES: dict[str, Callable[[], Case]] = {
    "logit": lambda: Case.of("logit", "logit", simulated(logit(), 1500, 0, np.zeros(12))),
    "NB2": lambda: Case.of("NB2", "nb2", simulated(nb2(), 1500, 0, np.zeros(12))),
    "RAND": lambda: Case.of("RAND", "nb2", rand()),
    "gamma": lambda: Case.of("gamma", "gamma", simulated(gamma(), 30, 0, np.zeros(2))),
    "clustered": lambda: Case.of("clustered", "logit", clustered_logit(), 100),
}
