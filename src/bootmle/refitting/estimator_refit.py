"""Replicates of an Estimator: calls of its function on resamples."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Self

import numpy as np

from bootmle.display.message_kinds import WARNED
from bootmle.execution.raised import describe_raised, unless_interrupted
from bootmle.execution.timelimit import UNLIMITED, RefitTimeout, Stopwatch
from bootmle.fitting.estimator import Estimator
from bootmle.likelihood.arrays import Floats, read_estimates
from bootmle.likelihood.data import as_args
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.status import Status
from bootmle.sampling.resample import Resample

__all__ = ["EstimatorRefit"]


class _Warnings:
    """The warnings of one replicate after another, each caught as if it were the only one."""

    # Catching takes as long as drawing 300 rows: it begins anew only where something was caught, or
    # filters were changed.

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.catching.__exit__(None, None, None)

    def _begin(self) -> None:
        self.catching = warnings.catch_warnings(record=True)
        self.caught = self.catching.__enter__()
        self.filters, self.show = list(warnings.filters), warnings.showwarning

    def noted_on(self, outcome: Outcome) -> Outcome:
        """Note on an outcome what has been caught since the last one."""
        kept = warnings.filters == self.filters and warnings.showwarning is self.show
        if not self.caught and kept:
            return outcome
        caught = self.caught
        self.catching.__exit__(None, None, None)
        self._begin()
        if not caught or outcome.status.failed:
            return outcome
        said = f"{WARNED}{caught[0].category.__name__}: {caught[0].message}"
        return replace(outcome, message="; ".join(filter(None, [outcome.message, said])))


class EstimatorRefit:
    """Calls of an Estimator's function on resamples."""

    n_shared = 0

    def __init__(self, fit: Estimator, timeout: float | None = None) -> None:
        """Take the estimator, and the seconds that one call may take."""
        self.fit, self.timeout = fit, timeout

    @property
    def n_params(self) -> int:
        """Number of estimates."""
        return self.fit.estimate.size

    @property
    def supports_weights(self) -> bool:
        """Whether resamples act through weights."""
        return self.fit.takes_weights

    @property
    def studentizes(self) -> bool:
        """Whether each replicate has standard errors of its own."""
        return self.fit.standard_error is not None

    @property
    def seconds(self) -> float:
        """Forecast of the seconds that one replicate takes."""
        return self.fit.seconds

    def __call__(
        self, resamples: Iterable[Resample]
    ) -> tuple[list[Outcome], list[tuple[int, int]]]:
        """Estimate on resamples, each drawn when its turn comes."""
        if self.fit.on_warning == "show":
            outcomes = [self._call(resample) for resample in resamples]
        else:
            with _Warnings() as caught:
                outcomes = [caught.noted_on(self._call(resample)) for resample in resamples]
        return outcomes, [(1, 0)] * len(outcomes)

    def _call(self, resample: Resample) -> Outcome:
        """Estimate on one resample; an exception is its status."""
        try:
            args, weights = self._data(resample)
            if self.timeout is None:  # entering what does nothing takes as long as drawing 100 rows
                stopwatch, found = UNLIMITED, self.fit.function(*args, **weights)
            else:
                with (stopwatch := Stopwatch(self.timeout)):
                    found = self.fit.function(*args, **weights)
            values = self.fit.in_order(*read_estimates(found))
        except BaseException as error:  # the user's code may raise anything
            if isinstance(error, RefitTimeout):
                return self._failed(Status.TIMED_OUT, str(error))
            return self._failed(Status.RAISED, describe_raised(unless_interrupted(error)))
        if not all(map(math.isfinite, values.tolist())):  # a third of np.isfinite's time
            return self._failed(Status.NOT_FINITE, "the estimates are not finite")
        errors, message = self._errors(args, weights, stopwatch)
        return Outcome(values, Status.ESTIMATED, 0.0, message, errors)

    def _errors(
        self, args: tuple[Any, ...], weights: dict[str, Floats], stopwatch: Stopwatch
    ) -> tuple[Floats | None, str]:
        """Call the user's standard errors on a resample; say why there are none."""
        function = self.fit.standard_error
        if function is None:
            return None, ""
        try:
            with stopwatch:
                found = read_estimates(function(*args, **weights), "standard_error")
            return self.fit.in_order(*found, "standard_error"), ""
        except BaseException as error:  # the user's code may raise anything
            return None, f"standard_error raised {describe_raised(unless_interrupted(error))}"

    def _data(self, resample: Resample) -> tuple[tuple[Any, ...], dict[str, Floats]]:
        """Take a resample's data, and its weights where they are passed."""
        estimator = self.fit
        if resample.simulate is not None:
            data = as_args(resample.simulate(estimator.estimate, estimator.args))
            return data, {"weights": np.ones(estimator.n)} if estimator.takes_weights else {}
        if estimator.takes_weights:
            return estimator.args, {"weights": resample.weights}
        return resample.of(estimator.args, estimator.index), {}

    def _failed(self, status: Status, message: str) -> Outcome:
        """Report a resample without an estimate."""
        return Outcome(np.full_like(self.fit.estimate, np.nan), status, np.nan, message)
