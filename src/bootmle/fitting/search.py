"""From the user's start, through SciPy's minimizer, to the optimum that a fit reports."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from bootmle.fitting.constrained import end_on_constraint
from bootmle.fitting.descent import CERTIFIED
from bootmle.fitting.edges import ends_at_edge
from bootmle.fitting.end_point import EndPoint
from bootmle.fitting.flat_lines import comes_back
from bootmle.fitting.limits import not_determined, take_limit
from bootmle.fitting.polished import measure_at_end, measure_polished
from bootmle.fitting.reasons import HIGHER, why_not_certified
from bootmle.fitting.recessions import find_range_end
from bootmle.fitting.scipy_run import ScipyRun
from bootmle.fitting.scipy_search import ScipySearch
from bootmle.fitting.spent import within_budget
from bootmle.fitting.suprema import SupremumSearch
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import accurate_gradient
from bootmle.optimization.active_set import is_optimum_at_limit, optimize_within_bounds
from bootmle.optimization.bounds import (
    Columns,
    bounded_by_scales,
    crossed_columns,
    into_bounds,
    is_near_limit,
)
from bootmle.optimization.convergence import observed_information
from bootmle.optimization.outcome import SUPREMUM, UNBOUNDED, describe_ends
from bootmle.optimization.plateaus import SAME_SUPREMUM
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["Search"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Which parameters have no effect."""

    near: float = 1e-3
    """Share of a parameter by which it moves, to see whether the nll depends on it."""
    involved: float = 0.01
    """Smallest part in a null direction that counts, as in optimum._INVOLVED."""


_RULES = _Rules()

_BOUND = "at a bound: "
_END = "the end of its range is treated as a bound from here on"


@dataclass(slots=True)
class Search(ScipySearch):
    """One fit's search, from the user's start."""

    reference: WhitenedObjective | None = None  # which values beside a bound are relative to

    def __post_init__(self) -> None:
        """Remember all free parameters, some of which may come to be held."""
        self.parameters = self.likelihood.parameters
        self.held = np.empty(0, dtype=np.intp)
        self.scipy = ScipyRun(self.likelihood, self.optimizer)

    def run(self) -> None:
        """Minimize with SciPy, then continue until the optimum is certified."""
        with within_budget(self):
            self._run()

    def _run(self) -> None:
        """Search from the start, and from SciPy's own end where that led to no optimum."""
        self._search()
        if self.scipy.ended_early and not self.status.converged:
            # From SciPy's own end where no optimum is found from where its search paused.
            other = Search(self.scipy.likelihood, self.optimizer)
            other.scipy = self.scipy
            other.scipy.finish()
            other._search()
            for each in fields(Search):
                setattr(self, each.name, getattr(other, each.name))

    def _search(self) -> None:
        """Go from the start to where the search ends."""
        self._minimize()
        self._optimize_within_bounds()
        known, here = self.information, self.working.copy()
        self._judge()
        if self.status is Status.CERTIFIED and np.array_equal(self.working, here):
            self.information = known  # by which it was certified
        if not self._ends_at_edge():
            self._return_to_best()
        measure_at_end(self)
        take_limit(self, self.parameters)

    def _ends_at_edge(self) -> bool:
        """Look for an edge of the support where no optimum was certified."""
        open_end = self.status in {Status.NO_FINITE_OPTIMUM, Status.NOT_CERTIFIED}
        if not open_end or self.along_curve or self.optimizer.constraints or not ends_at_edge(self):
            return False
        self.nll = self.likelihood.total(self.user())
        return True

    def _return_to_best(self) -> None:
        """Return to the lowest point of the search where it ended higher, or out of bounds."""
        self.nll = float(self.likelihood.summed_values(self.values_at(self.user())))
        slack = 0.0 if self.status.failed else self.step_sizes.slack(self.best)
        if self.status is Status.CERTIFIED:  # by so much the nll is higher at a certified distance
            slack += max(self.decrement, CERTIFIED) ** 2 / 2
        lower = self.best < self.nll - slack
        outside = crossed_columns(self.parameters, self.user()).size > 0
        if self.optimizer.constraints or self.best_params is None or not (lower or outside):
            return
        if self._is_on_way_to_supremum() and not outside:
            self.working, self.nll = self.parameters.to_working(self.best_params), self.best
            self.information = self.measure()
            return
        # A point within twice the stated distance belongs to the same optimum.
        same = self.nll - self.best <= 2 * self.decrement**2
        before = tuple(self.held) if same else None
        had_optimum, self.nll = self.status.has_optimum, self.best
        self.notes = [note for note in self.notes if not note.startswith((SUPREMUM, _BOUND))]
        free, ends = self.best_params[self.parameters.free], self.parameters.bounds.T
        self._hold(self.best_params, np.flatnonzero((free == ends).any(axis=0)))
        if self.held.size:
            self.notes.append(f"{_BOUND}{self.parameters.listed(self.held)}")
        if had_optimum and before == tuple(self.held) and self.working.size:
            self.whitening = Whitening.from_curvature(self.working, self.information.matrix)
            return
        self.status, self.decrement = Status.NOT_CERTIFIED, np.inf
        self.whitening = Whitening(self.working, np.eye(self.working.size))
        self.notes.append(HIGHER)
        if not self.working.size or not np.isfinite(self.information.matrix).all():
            return
        self.whitening = Whitening.from_curvature(self.working, self.information.matrix)
        target = self.target()
        gradient = accurate_gradient(target, np.zeros(self.working.size), self.step_sizes.noise)
        self.decrement = float(np.linalg.norm(gradient))
        kind = self.information.definiteness
        if had_optimum and kind in {"positive definite", "undecided"} and not self.held.size:
            self.status = self._verdict()
            if kind == "undecided" and self.status is Status.CERTIFIED:
                self.status = Status.NOISE_LIMITED
        if self.status.has_optimum:
            self.notes.remove(HIGHER)

    def _is_on_way_to_supremum(self) -> bool:
        """Whether there is no finite optimum, and the lowest point is on the way there, too."""
        # Far out the nll is level, and any point may be the lowest.
        infinite = self.status is Status.NO_FINITE_OPTIMUM and not self.held.size
        return infinite and self.nll - self.best <= SAME_SUPREMUM

    def _judge(self) -> None:
        """Say what kind of point the search ended at."""
        if self._at_scale_limit():
            return
        if self._ended_inside() and not np.isfinite(self.user()).all():
            self.rises_to_supremum(self.working - self.start())
        if self._recedes():
            return
        if self._ended_inside() and self._stands_on_ridge():
            return
        if self._ended_inside() and (self._is_far_away() or self._recedes()):
            return
        if self._recedes_along_curve() or self._ends_at_range_end() or self._rises_on():
            return
        if self.status is Status.CERTIFIED and self.information.definiteness == "indefinite":
            self.status = Status.NOT_CERTIFIED
        if self.status is Status.NOT_CERTIFIED and self.information.tangent is None:
            message = "" if self.result.success else str(self.result.message)
            self.notes.append(why_not_certified(self, message))

    def _ends_at_range_end(self) -> bool:
        """Look for one at an end of a parameter's range, and optimize the others there."""
        if not self._is_uncertain() or comes_back(self):
            return False
        hidden, found = self._hidden(), find_range_end(self)
        if found is None:
            return False
        column = np.array([found.column])
        if found.endless:
            end = self.parameters.bounds[column, found.side]
            where = describe_ends(self.parameters, column, np.where(np.isfinite(end), end, 0.0))
            return self.has_no_optimum(f"{UNBOUNDED} as {where}", column)
        if self.likelihood.total(found.params) > self.best + max(SAME_SUPREMUM, hidden):
            return False
        slack = self.step_sizes.slack(self.best)
        place = found.params[self.parameters.free[found.column]]
        if place != self.parameters.bounds[found.column, found.side]:
            slack = max(SAME_SUPREMUM, hidden)  # beside the end the nll is not at its lowest yet
            bounds = self.parameters.bounds.copy()
            bounds[found.column, found.side] = place
            self.parameters = replace(self.parameters, bounds=bounds)
            self.notes.append(_END)
        self.reference = None
        held = optimize_within_bounds(self, found.params)
        if held is None or not held.size or not self.status.has_optimum:
            held = column
            self._hold(found.params, held)
            self.whitening, self.decrement = Whitening(self.working, np.eye(self.working.size)), 0.0
        self._stands_at_bound(held)
        value = self.likelihood.total(self.user())
        if value <= self.best + slack:  # what was lower is so by noise
            self.best, self.best_params = value, self.user()
        return True

    def _optimize_within_bounds(self) -> None:
        """Continue from SciPy's point to the optimum within bounds and constraints."""
        scipys_point = self.user()
        if self.optimizer.has_equalities or not self._ends_within_bounds(scipys_point):
            self._optimize_on_constraint(scipys_point)
        if self.scipy.ended_early or not self._was_scipy_off():
            self.scipy_stop = None

    def _ends_within_bounds(self, scipys_point: Floats) -> bool:
        """Continue within bounds, as if there were no constraints; whether that leads anywhere."""
        # It does not where they do not hold, or where the domain ends with them.
        constrained = bool(self.optimizer.constraints)
        notes = list(self.notes)
        try:
            held = optimize_within_bounds(self, scipys_point)
        except ValueError:  # unbounded below beyond its constraints
            if not constrained:
                raise
            held, self.status = None, Status.NOT_CERTIFIED
        if constrained and (self.status.failed or not self.optimizer.feasible(self.user())):
            self.notes = notes
            return False
        if held is None:
            self.status = Status.NOT_CERTIFIED
            self.notes.append("the search goes back and forth between bounds")
        elif held.size and self.status.has_optimum:
            self._stands_at_bound(held)
        return True

    def _stands_at_bound(self, held: Columns) -> None:
        """Record an optimum at bounds, and the others that it leaves open."""
        self.notes.append(f"{_BOUND}{self.parameters.listed(held)}")
        if self.status is Status.NOT_IDENTIFIED:
            parts = np.abs(self.information.null_directions) > _RULES.involved
            columns = np.flatnonzero(parts.any(axis=1)) if parts.size else np.arange(len(parts))
            self.notes.append(not_determined(self.likelihood.parameters, columns))
        self.status = Status.AT_BOUND

    def optimize(self, params: Floats, held: Columns) -> Floats | None:
        """Continue from a point with some parameters held; None where the search has ended."""
        self._hold(params, held)
        if self.scipy_stop is None:
            stopped = self.likelihood.parameters.to_working(params)
            self.scipy_stop = EndPoint.described(self.likelihood, stopped, self.information)
            if not self.rises_around_polished() and self._is_beside_plateau():
                return None
        self.converge()
        unproven = self.status in {Status.NOT_CERTIFIED, Status.NOISE_LIMITED}
        if held.size and self.working.size and unproven and self._is_level():
            self.status, self.decrement = Status.NOT_IDENTIFIED, 0.0
        found = self.user()
        return found if self.status.has_optimum or self._crosses_lower(params, found) else None

    def _is_level(self) -> bool:
        """Whether the nll does not depend on any of the parameters that are not held, near here."""
        sizes = np.where(self.working == 0, 1.0, np.abs(self.working))
        self.whitening = Whitening(self.working, np.diag(_RULES.near * sizes))
        axes = np.eye(self.working.size)
        return not self.target().values(np.concatenate([axes, -axes])).any()

    def _crosses_lower(self, params: Floats, found: Floats) -> bool:
        """Whether a search that failed beyond a bound shows a lower point on it."""
        if not (np.isfinite(found).all() and crossed_columns(self.parameters, found).size):
            return False
        total = self.likelihood.total
        return bool(total(into_bounds(self.parameters, found)) < total(params))

    def _keeps_falling(self, start: Floats) -> bool:
        """Whether the nll stays low beyond SciPy's point; a path to a bound does not say so."""
        return not self.held.size and SupremumSearch._keeps_falling(self, start)

    def _hold(self, params: Floats, columns: Columns) -> None:
        """Stand at a point with some parameters held, and measure the others' information."""
        self.held = columns
        self.likelihood = replace(self.likelihood, parameters=self.parameters)
        if columns.size:
            values = params[self.parameters.free[columns]]
            self.likelihood = self.likelihood.holding(columns, values)
        self.working = self.likelihood.parameters.to_working(params)
        if self.working.size:
            looked = self.looked or self.early is not None
            metric = None if looked else self.result.get("hess_inv")
            self.information = measure_polished(self, metric)
        else:
            everything = replace(self.likelihood, parameters=self.parameters)
            self.information = observed_information(everything, self.parameters.to_working(params))

    def value(self, params: Floats) -> float:
        """Evaluate the nll at a full parameter vector, minus its first value here."""
        if self.reference is None:
            whitening = Whitening(self.working, np.eye(self.working.size))
            self.reference = WhitenedObjective(self.likelihood, whitening, 0.0)
            self.reference.rebase()
        return self.reference.value_of(params)

    def units(self, params: Floats) -> Floats:
        """Return the size of each free parameter, its start's and its range's among them."""
        free, starts = params[self.parameters.free], self.parameters.values[self.parameters.free]
        width = np.diff(self.parameters.bounds)[:, 0]
        sizes = [np.abs(free), np.abs(starts), np.where(np.isfinite(width), width, 0.0)]
        size = np.max(sizes, axis=0)
        return np.where(size > 0, size, 1.0)

    def _optimize_on_constraint(self, params: Floats) -> None:
        """Return to SciPy's point, and go to the optimum on the constraints."""
        self.held = np.empty(0, dtype=np.intp)
        self.likelihood = replace(self.likelihood, parameters=self.parameters)
        end_on_constraint(self, params, converged=bool(self.result.success))

    def _at_scale_limit(self) -> bool:
        """Look for an optimum where a log or logit scale ends, where there is none on the scale."""
        bounded = bounded_by_scales(self.parameters, self.parameters.values)
        if bounded is None or self.status is Status.AT_BOUND or self.optimizer.constraints:
            return False
        sound = self.status is Status.CERTIFIED and self.information.definiteness != "indefinite"
        if sound and not is_near_limit(bounded, self.user()):
            return False
        other = Search(replace(self.likelihood, parameters=bounded), self.optimizer)
        try:
            other.run()
        except ValueError:  # unbounded on its own scale, too: the scale is not the reason
            return False
        value, found = self.likelihood.total, other.user()
        if not is_optimum_at_limit(bounded, other.status, found, value, bounded.values):
            return False
        self._adopt(other)
        return True

    def _adopt(self, other: Search) -> None:
        """Take over where another search ended."""
        self.likelihood, self.parameters, self.held = other.likelihood, other.parameters, other.held
        self.working, self.information = other.working, other.information
        self.whitening, self.scipy_stop = other.whitening, other.scipy_stop
        self.status, self.decrement = other.status, other.decrement
        self.best, self.best_params = other.best, other.best_params
        self.notes = [*other.notes, _END]
