"""Estimator: the user's own code does the fitting."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bootmle.arrays import Floats
from bootmle.data import as_args, count_rows
from bootmle.estimates import read_estimates
from bootmle.fitting.outcome import Outcome
from bootmle.parameters import settle_names
from bootmle.resample import Resample
from bootmle.status import Status

__all__ = ["Estimator", "EstimatorRefit"]


class Estimator:
    """Stand in for a Fit where the user's own code does the fitting.

    Parameters
    ----------
    function : callable
        ``function(*args)`` returns the estimates: an array (p,), a mapping or a Series. Where it
        names a parameter ``weights``, resamples are passed as weights (n,), summing to n;
        elsewhere as rows.
    args : tuple or bare argument
        The data, n rows each.
    names : sequence of str, optional
        Names of the p estimates; those of a mapping or Series by default, else x1 ... xp.
    standard_error : callable, optional
        ``standard_error(*args)`` returns standard errors (p,), for studentized intervals.

    Attributes
    ----------
    estimate : (p,) array
        The estimates on the original data.
    names : tuple of str

    Raises
    ------
    ValueError, TypeError
        Where the data have no rows or the estimates are not finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Estimator
    >>> y = np.array([1.0, 2.0, 6.0])
    >>> median = Estimator(lambda y: {"median": np.median(y)}, args=y)
    >>> median.names, float(median.estimate[0])
    (('median',), 2.0)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: Any = (),
        names: Sequence[str] | None = None,
        standard_error: Callable[..., Any] | None = None,
    ) -> None:
        """Call the function once on the data."""
        self.function = function
        self.args = as_args(args)
        self.standard_error = standard_error
        n = count_rows(self.args)
        if n is None:
            raise ValueError("args: there is no data to resample; pass what function takes in args")
        self.n = n
        self.takes_weights = _takes_weights(function)
        started = time.perf_counter()
        given = {"weights": np.ones(n)} if self.takes_weights else {}
        values, self.labels = read_estimates(function(*self.args, **given))
        self.seconds = time.perf_counter() - started
        self.estimate = values
        self.names = settle_names(names, self.labels, values.size, "estimates")
        if not np.isfinite(values).all():
            found = dict(zip(self.names, values.tolist(), strict=True))
            raise ValueError(
                f"function: the estimates {found} are not finite; look for missing data"
            )

    def __repr__(self) -> str:
        """Show the function and its estimates."""
        shown = ", ".join(
            f"{name}={value:.6g}" for name, value in zip(self.names, self.estimate, strict=True)
        )
        return f"Estimator({getattr(self.function, '__name__', self.function)!s}: {shown})"


class EstimatorRefit:
    """Calls of an Estimator's function on resamples."""

    n_shared = 0

    def __init__(self, estimator: Estimator) -> None:
        """Take the estimator."""
        self.estimator = estimator

    @property
    def by_weights(self) -> bool:
        """Whether resamples act through weights."""
        return self.estimator.takes_weights

    def __call__(
        self, resamples: Sequence[Resample]
    ) -> tuple[list[Outcome], list[tuple[int, int]]]:
        """Estimate on one chunk of resamples."""
        return [self._estimate(resample) for resample in resamples], [(1, 0)] * len(resamples)

    def _estimate(self, resample: Resample) -> Outcome:
        """Estimate on one resample; an exception is its status."""
        try:
            values, labels = read_estimates(self._call(resample))
            values = self._in_order(values, labels)
        except Exception as error:  # the user's code may raise anything
            return self._failed(Status.RAISED, f"{type(error).__name__}: {error}")
        if values.shape != self.estimator.estimate.shape:
            return self._failed(Status.RAISED, f"function returned {values.size} estimates")
        if not np.isfinite(values).all():
            return self._failed(Status.NOT_FINITE, "the estimates are not finite")
        return Outcome(values, Status.ESTIMATED, 0.0)

    def _in_order(self, values: Floats, labels: tuple[str, ...] | None) -> Floats:
        """Put labelled estimates in the order of the original ones."""
        own = self.estimator.labels
        if own is None or labels is None or own == labels:
            return values
        if sorted(own) != sorted(labels):
            raise ValueError(f"function returned estimates of {list(labels)}, not of {list(own)}")
        return values[[labels.index(label) for label in own]]

    def _call(self, resample: Resample) -> Any:
        """Call the user's function on a resample."""
        estimator = self.estimator
        if resample.simulate is not None:
            return estimator.function(
                *as_args(resample.simulate(estimator.estimate, estimator.args))
            )
        if estimator.takes_weights:
            return estimator.function(*estimator.args, weights=resample.weights)
        return estimator.function(*resample.of(estimator.args))

    def _failed(self, status: Status, message: str) -> Outcome:
        """Report a resample without an estimate."""
        return Outcome(np.full_like(self.estimator.estimate, np.nan), status, np.nan, message)


def _takes_weights(function: Callable[..., Any]) -> bool:
    """Whether a function names a parameter ``weights``; built-in ones may not say."""
    if not callable(function):
        raise TypeError(f"function: {function!r} is not callable; pass function(*args)")
    try:
        return "weights" in inspect.signature(function).parameters
    except ValueError:
        return False
