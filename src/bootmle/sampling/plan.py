"""What a sampling plan is: a pure map from a replicate's number to a resample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.response import Additivity, Response, Rows
from bootmle.optimization.sandwich import Units
from bootmle.sampling.digests import digest
from bootmle.sampling.fresh_labels import grouping_columns
from bootmle.sampling.labels import resolve_labels
from bootmle.sampling.redrawing import draw_again
from bootmle.sampling.resample import Resample
from bootmle.sampling.streams import stream_of

__all__ = ["Plan", "Structure", "check_independent_rows", "draw_resample"]


class Structure(Enum):
    """What a plan takes the observations to be."""

    ROWS = "rows drawn one by one"
    STRATA = "rows drawn within strata"
    CLUSTERS = "clusters of rows drawn whole"
    SERIES = "stretches of consecutive rows"
    MODEL = "data simulated from the model"


def draw_resample(plan: Plan, n: int, seed: int, replicate: int) -> Resample:
    """Draw one replicate's resample of n observations from its own stream."""
    return plan.draw(n, replicate, stream_of(seed, replicate))


class Plan(ABC):
    """A sampling plan; the answers given here are those of rows drawn one by one.

    A plan of your own is a frozen dataclass that has ``check`` and ``draw``, and overrides the
    answers that differ.
    """

    __slots__ = ()

    structure: ClassVar[Structure] = Structure.ROWS
    """What the plan takes the observations to be, which other standard errors may not."""

    independent_rows: ClassVar[bool] = False
    """Whether observations are drawn one by one from all: their scores then predict the spread."""

    supports_quantiles: ClassVar[bool] = True
    """Whether the replicates' quantiles make an interval."""

    repeats_rows: ClassVar[bool] = True
    """Whether a resample may hold a row twice."""

    linear: ClassVar[bool] = False
    """Whether replicates are steps along the scores, without refits."""

    label_names: ClassVar[tuple[str, ...]] = ()
    """Fields that hold labels of the data's rows, or the name of the column that does."""

    @property
    def fixes_size(self) -> bool:
        """Whether all resamples have the same number of units, though it may be an observation."""
        return True

    @property
    def fractional(self) -> bool:
        """Whether weights are other than whole numbers, so that only contributions can serve."""
        return False

    @property
    def n_available(self) -> int | None:
        """Number of resamples there are, None where it has no limit."""
        return None

    @property
    def is_random(self) -> bool:
        """Whether resamples are drawn at random, so that another seed gives others."""
        return self.n_available is None

    @property
    def exhaustive(self) -> bool:
        """Whether the resamples there are serve only all together."""
        return False

    @property
    def studentizes(self) -> bool:
        """Whether each replicate has a sandwich of its own, from the units that it drew."""
        return False

    @property
    def counts_draws(self) -> bool:
        """Whether a replicate's weighted likelihood is that of a sample: weights count draws."""
        return True

    @property
    def score_correction(self) -> str | None:
        """Correction of the clusters' scores for their leverage, where one is asked for."""
        return None

    @property
    def cluster_codes(self) -> NDArray[np.intp] | None:
        """Number of each observation's cluster, (n,), where clusters are drawn."""
        return None

    @property
    def stratum_codes(self) -> NDArray[np.intp] | None:
        """Number of the stratum that each unit belongs to, (G,), where there are several."""
        return None

    @property
    def relative_sampling_error(self) -> float:
        """Sampling error of the plan's standard errors over that of rows drawn one by one."""
        return 1.0

    @abstractmethod
    def check(self, likelihood: Likelihood) -> None:
        """Raise where the plan is not valid for this likelihood."""

    def check_fit(self, fit: Fit | Estimator) -> None:
        """Raise where the plan is not valid for this fit."""
        if fit.likelihood is not None:
            self.check(fit.likelihood)
        if self.fractional and not fit.takes_weights:
            raise ValueError(
                f"sampling: {self!r} draws fractional weights, which {fit.why_no_weights}; or use "
                f"Cases()"
            )
        fit.check_optimum()
        fit.check_data()
        self.check_response(fit)
        fit.check_repeatable()

    def check_response(self, fit: Fit | Estimator) -> None:
        """Raise where a resample is not to the objective what it is to the plan."""
        if fit.likelihood is None:
            return
        response = fit.likelihood.response
        if response.kind is Additivity.EXTENDED and self.fixes_size:
            raise ValueError(
                f"sampling: {self!r} draws a fixed number of rows, but {response.kind.value} "
                f"({response.evidence}): the number of rows is an observation itself; use "
                f"Cases(size='poisson'), or Parametric with a simulate that draws the number, too"
            )
        if response.kind is Additivity.GROUPED and self.structure in _OF_ROWS:
            columns = grouping_columns(fit.args, fit.changes)
            if columns or self.repeats_rows:
                raise ValueError(_grouped_message(self, response, columns))

    def labeled(self, fit: Fit | Estimator, *, look_up: bool = True) -> Self:
        """Return the plan with labels of the fit's observations; look up columns, or leave them."""
        found = {}
        for name in self.label_names:
            given = getattr(self, name)
            labels = resolve_labels(name, given, fit.args) if look_up else given
            labels = labels if isinstance(labels, str) else fit.labels_of_observations(labels)
            if labels is not given:
                found[name] = labels
        return replace(self, **found) if found else self  # type: ignore[type-var]

    def prepared(self, fit: Fit | Estimator) -> Plan:
        """Return the plan ready for a fit's data; raise where it does not suit them."""
        return self

    @abstractmethod
    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one replicate's resample of n observations."""

    def draw_all(self, n: int, seed: int, replicates: Iterable[int]) -> Iterator[Resample]:
        """Draw resamples of n observations, each from its replicate's own stream."""
        return (self.draw(n, each, stream_of(seed, each)) for each in replicates)

    def expected_weights(self, n: int) -> Floats | None:
        """Return how often each observation is drawn on average; None where that is equal."""
        return None

    def units(self, n: int) -> Units | None:
        """Rows of each unit that is drawn, and its stratum; None where no unit can be left out."""
        return None

    def redrawn_units(self, n: int) -> Units | None:
        """Units whose weights make a resample of a resample; None where weights make none."""
        return None

    def redraw(
        self, drawn: Floats, strata: NDArray[np.intp], n_resamples: int, rng: np.random.Generator
    ) -> Floats:
        """Draw resamples of a resample with each unit so often, (G,): (n_resamples, G)."""
        return draw_again(drawn, strata, n_resamples, rng)

    @property
    def units_apart(self) -> Sequence[NDArray[np.intp]] | None:
        """Rows of each unit that a total is taken apart into; None where those are single rows."""
        return None

    def unit_labels(self, n: int) -> tuple[NDArray[np.intp], list[Any]]:
        """Return the unit of each observation, (n,), and the units' labels: rows, or clusters."""
        return np.arange(n), list(range(n))

    def rescaling(self, n: int) -> tuple[float, float]:
        """Factors on the replicates' deviations, and on their mean's: 1 for samples of size n."""
        return 1.0, 1.0

    def notes(self, n: int, centered: bool) -> tuple[str, ...]:
        """Say what the user should know of the plan, whose replicates are centered or not."""
        return ()

    def identity(self) -> list[Any]:
        """Return what identifies the plan besides its text, to resume runs on disk by."""
        assert is_dataclass(self)
        return [getattr(self, field.name) for field in fields(self)]

    def description(self, fit: Fit | Estimator) -> str:
        """Identify the plan, by the same text in every process."""
        return f"{self} {digest(self.identity())}"


_OF_ROWS = {Structure.ROWS, Structure.STRATA, Structure.SERIES}


def _grouped_message(plan: Plan, response: Response, columns: list[str]) -> str:
    """Say that rows are not the units of the objective, and which may be."""
    shared = f"rows that share a label in {' or '.join(columns)}" if columns else "rows"
    return (
        f"sampling: {plan!r} draws single rows, but {shared} count together in the objective "
        f"({response.evidence}): draw what belongs together with Clustered, and pass its labels in "
        f"args; of a statistic of all rows, as of their ranks, bootstrap your fit with Estimator"
    )


_REASONS = {
    Rows.ORDERED: (
        "the objective's value depends on the order of the rows (it reads earlier rows, or holds "
        "data of its own in row order), so rows drawn independently are not valid: for a time "
        "series use Blocks or Parametric, for groups of rows Clustered, and pass everything that "
        "belongs to a row (simulated draws, too) in args"
    ),
    Rows.INDIVISIBLE: (
        "the objective cannot be evaluated on a part of the rows: pass everything with a row for "
        "each observation in args, or nothing (a closure that returns contributions)"
    ),
    Rows.CLUSTERED: (
        "the objective returns fewer contributions than there are rows: one for each cluster "
        "needs Clustered, which says which rows belong together"
    ),
}


def check_independent_rows(likelihood: Likelihood, plan: str) -> None:
    """Refuse an objective whose rows cannot be drawn one by one."""
    if likelihood.rows in _REASONS:
        raised = f" (it raised {likelihood.rows_error})" if likelihood.rows_error else ""
        reason = _REASONS[likelihood.rows]
        raise ValueError(f"sampling: {plan} draws single rows, but {reason}{raised}")
    if likelihood.n is None:
        raise ValueError(
            f"sampling: {plan} has nothing to resample: the objective holds its data and returns a "
            f"total; return the contributions (delete .sum()), or pass the data in args"
        )
