"""Estimator: the user's own code does the fitting."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Never

import numpy as np
from numpy.typing import NDArray

from bootmle.display.checks import check_choice
from bootmle.display.known_names import refuse_attribute, refuse_keywords
from bootmle.execution.raised import RAISED
from bootmle.execution.threads import computation
from bootmle.fitting.description import check_near, checksum
from bootmle.fitting.fitted import Fitted
from bootmle.likelihood.arrays import Floats, read_estimates
from bootmle.likelihood.data import (
    as_args,
    check_call,
    count_rows,
    fingerprint,
    laid_out,
    relabeled,
    take_rows,
)
from bootmle.likelihood.parameters import settle_names
from bootmle.likelihood.row_order import check_row_order
from bootmle.optimization.sandwich import Units
from bootmle.optimization.status import Status

__all__ = ["Estimator"]

_INDEXES = ("fresh", "original")
_ROUNDING = 1e-9
"""Largest relative difference of estimates that are the same: other libraries round otherwise."""

_COMPARED = 3
"""Resamples on which the Estimators of two sittings are compared, each a call of the function."""


class Estimator(Fitted):
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
        ``standard_error(*args)`` returns standard errors of the estimates, for studentized
        intervals: an array (p,) in their order, a mapping or a Series. It is passed ``weights``
        where function is, and then must take them too.
    index : {"fresh", "original"}, optional
        The index of resampled data frames and Series: numbered from 0, or that of the rows drawn,
        with repeated labels. By default fresh, unless it has a name, levels or dates.
    on_warning : {"count", "show"}
        Whether warnings raised in replicates are counted, and the result shows each kind once, or
        go their usual way.

    Attributes
    ----------
    estimate : (p,) array
        The estimates on the original data.
    names : tuple of str
    errors : (p,) array or None
        What ``standard_error`` returns on the original data.

    Raises
    ------
    ValueError, TypeError
        Where the data have no rows, or the estimates or their errors are not finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Estimator
    >>> y = np.array([1.0, 2.0, 6.0])
    >>> median = Estimator(lambda y: {"median": np.median(y)}, args=y)
    >>> median.names, float(median.estimate[0])
    (('median',), 2.0)
    """

    args: tuple[Any, ...] = ()
    n: int = 0
    takes_weights: bool = False
    status = Status.ESTIMATED
    notes: tuple[str, ...] = ()
    likelihood: None = None
    why_no_weights = "its function does not take: give it an argument named weights"

    def __init__(
        self,
        function: Callable[..., Any],
        args: Any = (),
        names: Sequence[str] | None = None,
        standard_error: Callable[..., Any] | None = None,
        *,
        index: str | None = None,
        on_warning: str = "count",
        **unknown: Never,
    ) -> None:
        """Call the function once on the data."""
        refuse_keywords(unknown, "Estimator", Estimator)
        self.function = function
        self.args = laid_out(as_args(args))
        self.standard_error = standard_error
        self.index = "" if index is None else check_choice("index", index, _INDEXES)
        self.on_warning = check_choice("on_warning", on_warning, ("count", "show"))
        n = count_rows(self.args)
        check_row_order(self.args)
        if n is None:
            raise ValueError("args: there is no data to resample; pass what function takes in args")
        self.n = n
        self.takes_weights = _both_take_weights(function, standard_error)
        before, started = fingerprint(self.args), time.perf_counter()
        given = self._all_ones()
        check_call("function", function, self.args, keywords=list(given))
        values, self.labels = read_estimates(function(*self.args, **given))
        self.estimate = values
        self.names = settle_names(names, self.labels, values.size, "estimates")
        self._check("function", "estimates", values)
        self.errors = None if standard_error is None else self._own_standard_errors(given)
        self.seconds = time.perf_counter() - started
        self._fingerprint = fingerprint(self.args)
        if self._fingerprint != before:
            raise ValueError("function: changed its data in place; work on copies of args")

    if not TYPE_CHECKING:
        __getattr__ = refuse_attribute

    def _own_standard_errors(self, given: dict[str, Floats]) -> Floats:
        """Call the user's standard errors on the data; refuse what cannot be any."""
        assert self.standard_error is not None
        found = read_estimates(self.standard_error(*self.args, **given), "standard_error")
        errors = self.in_order(*found, "standard_error")
        self._check("standard_error", "standard errors", errors)
        if np.any(errors < 0):
            raise ValueError(
                f"standard_error: {errors} is negative somewhere; return standard errors"
            )
        return errors

    @property
    def fingerprint(self) -> tuple[int, ...] | None:
        """Checksums of the data as they were when the function was called."""
        return self._fingerprint

    def changes(self, args: tuple[Any, ...]) -> bool:
        """Whether the estimates are others on other data of the same rows, or none."""
        try:
            values = self.in_order(*read_estimates(self.function(*args, **self._all_ones())))
        except Exception:  # the user's code may raise anything
            return True
        return not np.allclose(values, self.estimate, rtol=_ROUNDING, atol=0.0)

    def check_repeatable(self) -> None:
        """Refuse a function that returns other estimates when it is called again."""
        other = relabeled(self.args, "original" if self.takes_weights else self.index)
        if not self.changes(other):
            return
        again = self.in_order(*read_estimates(self.function(*self.args, **self._all_ones())))
        if np.allclose(again, self.estimate, rtol=_ROUNDING, atol=0.0):
            raise ValueError(
                "function: reads the index of its data, which resamples number anew; pass "
                "Estimator(..., index='original'), or make the index a column"
            )
        raise ValueError(
            f"function: two calls on the same data differ ({self.estimate}, then {again}); it "
            f"draws random numbers, or remembers earlier calls: seed it inside of the function"
        )

    @property
    def resampling_notes(self) -> tuple[str, ...]:
        """Say that the meaning of a resample is left to the function."""
        return ("whether resamples suit the function of an Estimator cannot be measured",)

    def _all_ones(self) -> dict[str, Floats]:
        """Return the weights of the original data, where the function takes any."""
        return {"weights": np.ones(self.n)} if self.takes_weights else {}

    def own_errors(self, units: Units | None) -> Floats | None:
        """Return what ``standard_error`` returns on the original data, (p,)."""
        return self.errors

    def refit(self, args: Any, start: Floats) -> Estimator:
        """Call the same functions on other data."""
        return Estimator(
            self.function,
            as_args(args),
            self.names,
            self.standard_error,
            index=self.index or None,
            on_warning=self.on_warning,
        )

    def description(self, seed: int) -> dict[str, Any]:
        """Describe the data and the estimates in a form that JSON holds."""
        errors = [] if self.errors is None else [self.errors]
        resampled = [self.on_rows(rows) for rows in _few_resamples(self.n, seed)]
        estimates = [self.estimate, *(values for values, _ in resampled)]
        errors += [] if self.errors is None else [each for _, each in resampled]
        return {
            "names": list(self.names),
            "data": checksum(self.args),
            "objective": _plain(np.concatenate(estimates)),
            "parameters": {"standard_error": self.standard_error is not None},
            "standard_error": _plain(np.concatenate(errors)) if errors else None,
        }

    def on_rows(self, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return estimates and own errors on some of the rows; NaN where there are none."""
        nothing = np.full(self.estimate.size, np.nan)
        try:
            weights = {"weights": np.bincount(rows, minlength=self.n) * self.n / rows.size}
            args = self.args if self.takes_weights else take_rows(self.args, rows, self.index)
            given = weights if self.takes_weights else {}
            with computation():
                values = self.in_order(*read_estimates(self.function(*args, **given)))
                if self.standard_error is None:
                    return values, nothing
                found = read_estimates(self.standard_error(*args, **given), "standard_error")
                return values, self.in_order(*found, "standard_error")
        except RAISED:  # the user's code may raise anything, and does so again where it matters
            return nothing, nothing

    def restored(self, start: Mapping[str, Any]) -> Estimator:
        """Check that the estimates are those that `start` says."""
        stored = np.array(start["estimate"])
        check_near(self.estimate, stored, _ROUNDING * np.maximum(1.0, np.abs(stored)))
        return self

    def in_order(
        self, values: Floats, labels: tuple[str, ...] | None, argument: str = "function"
    ) -> Floats:
        """Put values in the order of the original estimates, by their labels where they have any.

        Raises
        ------
        ValueError
            For values of another number, or of other labels.
        """
        own = self.labels
        if own is not None and labels is not None and own != labels:
            if sorted(own) != sorted(labels):
                raise ValueError(
                    f"{argument} returned {list(labels)}, not {list(own)}; return the same names "
                    f"each time"
                )
            values = values[[labels.index(label) for label in own]]
        if values.shape != self.estimate.shape:
            raise ValueError(
                f"{argument} returned {values.size} values, not {self.estimate.size}; return one "
                f"for each estimate"
            )
        return values

    def _check(self, argument: str, what: str, values: Floats) -> None:
        """Refuse values that are not finite."""
        if not np.isfinite(values).all():
            found = dict(zip(self.names, values.tolist(), strict=True))
            raise ValueError(
                f"{argument}: the {what} {found} are not finite; look for missing data"
            )

    def __repr__(self) -> str:
        """Show the function and its estimates."""
        shown = ", ".join(
            f"{name}={value:.6g}" for name, value in zip(self.names, self.estimate, strict=True)
        )
        return f"Estimator({getattr(self.function, '__name__', self.function)!s}: {shown})"


def _few_resamples(n: int, seed: int) -> list[NDArray[np.intp]]:
    """Draw the resamples on which Estimators are compared: those equal on the data may differ."""
    # The streams of replicates have keys of one number.
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 0)))
    return [random.integers(0, n, n) for _ in range(_COMPARED)]


def _plain(values: Floats) -> list[float | None]:
    """Write values as JSON, what is not finite as null."""
    return [float(value) if np.isfinite(value) else None for value in values]


def _both_take_weights(function: Any, standard_error: Any) -> bool:
    """Whether both functions take weights; refuse one that does and one that does not."""
    takes = _takes_weights("function", function)
    if standard_error is not None and takes != _takes_weights("standard_error", standard_error):
        raise ValueError(
            "standard_error: function and standard_error must both take weights, or neither"
        )
    return takes


def _takes_weights(argument: str, function: Any) -> bool:
    """Whether a function names a parameter ``weights``; built-in ones may not say."""
    if not callable(function):
        raise TypeError(f"{argument}: {function!r} is not callable; pass {argument}(*args)")
    try:
        return "weights" in inspect.signature(function).parameters
    except ValueError:
        return False
