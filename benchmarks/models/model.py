"""A model with a known truth: contributions, their gradients, and a simulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["INTERCEPT", "Model", "regression_design", "response_only", "slope_names", "slopes"]

INTERCEPT = "const"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A likelihood, a parameter vector taken as true, and draws from both.

    Attributes
    ----------
    name : str
        The model's name.
    names : tuple of str
        The p parameters' names.
    truth : (p,) array
        The parameters that `data` simulates at.
    nll : callable
        ``nll(params, *args) -> (n,)``: each observation's negative log-likelihood, infinite or NaN
        outside the model's domain.
    scores : callable
        ``scores(params, *args) -> (n, p)``: the gradients of those contributions, for use as `jac`.
    simulate : callable
        ``simulate(params, rng, *args) -> args``: the same covariates with the response redrawn.
    design : callable
        ``design(n, rng) -> args``: n rows of covariates, with zeros for the response.

    Examples
    --------
    >>> from models import exponential
    >>> model = exponential(log=False)
    >>> (y,) = model.data(4, rng=0)
    >>> model.nll(model.truth, y).shape, model.scores(model.truth, y).shape
    ((4,), (4, 1))
    """

    name: str
    names: tuple[str, ...]
    truth: Floats
    nll: Callable[..., Floats]
    scores: Callable[..., Floats]
    simulate: Callable[..., tuple[Any, ...]]
    design: Callable[[int, np.random.Generator], tuple[Any, ...]]

    def data(self, n: int, rng: int | np.random.Generator | None = None) -> tuple[Any, ...]:
        """Draw a data set of n rows at the truth.

        Parameters
        ----------
        n : int
            The number of rows.
        rng : int, Generator or None
            The seed or source of the draws.

        Returns
        -------
        tuple
            The `args` of `nll`, each with n rows.

        Examples
        --------
        >>> from models import logit
        >>> X, y = logit(n_covariates=2).data(100, rng=0)
        >>> X.shape, y.shape
        ((100, 3), (100,))
        """
        generator = np.random.default_rng(rng)
        return self.simulate(self.truth, generator, *self.design(n, generator))


def response_only(n: int, rng: np.random.Generator) -> tuple[Floats]:
    """Return the args of a model without covariates."""
    return (np.zeros(n),)


def regression_design(
    n: int, rng: np.random.Generator, *, n_covariates: int, intercept: bool = True
) -> tuple[Floats, Floats]:
    """Return standard normal covariates (after a column of ones), and zeros for the response."""
    X = rng.standard_normal((n, n_covariates))
    return (np.column_stack([np.ones(n), X]) if intercept else X), np.zeros(n)


def slopes(n_covariates: int) -> Floats:
    """Return moderate true slopes: their sum of squares stays below 0.7 however many there are."""
    return 0.5 * np.power(-0.8, np.arange(n_covariates))


def slope_names(n_covariates: int) -> tuple[str, ...]:
    """Return x1, x2, ... for the covariates after the intercept."""
    return tuple(f"x{j}" for j in range(1, n_covariates + 1))
