"""From the user's start, through SciPy's minimizer, to the optimum that a fit reports."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
from scipy.optimize import OptimizeResult

from bootmle.fitting.constrained import end_on_constraint
from bootmle.fitting.descent import Descent
from bootmle.fitting.edges import ends_at_edge
from bootmle.fitting.end_point import EndPoint
from bootmle.fitting.flat_lines import comes_back
from bootmle.fitting.limits import take_limit
from bootmle.fitting.polished import finds_early, measure_at_end, measure_polished
from bootmle.fitting.reasons import HIGHER, why_not_certified
from bootmle.fitting.recessions import (
    find_range_end,
    find_recession,
    follow_curve,
    follow_far_parameter,
    is_nearly_singular,
)
from bootmle.fitting.ridges import find_ridge
from bootmle.fitting.scipy_run import ScipyRun, Trail
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import accurate_gradient
from bootmle.likelihood.parameters import Parameters
from bootmle.optimization.active_set import (
    is_optimum_at_limit,
    optimize_within_bounds,
)
from bootmle.optimization.bounds import (
    Columns,
    bounded_by_scales,
    crossed_columns,
    into_bounds,
    is_near_limit,
    stays_inside,
)
from bootmle.optimization.convergence import observed_information
from bootmle.optimization.flat_spaces import noise_at
from bootmle.optimization.outcome import SUPREMUM, Outcome
from bootmle.optimization.plateaus import SAME_SUPREMUM, at_plateau
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["Search"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What counts as SciPy's failure."""

    off: float = 1e-2
    """Standard errors between SciPy's point and the optimum beyond which it was not there."""
    spread: float = 50.0
    """Multiple of the way from the start for steps that show noise, 0.005 of it: far out it is
    alike over short distances."""
    hidden: float = 4.0
    """Noise levels by which a lowest value may be so by noise."""
    unbounded: float = 1e8
    """Fall, in multiples of the nll at the start, that no negative log-likelihood makes."""


_RULES = _Rules()

_END = "the end of its range is treated as a bound from here on"


@dataclass(slots=True)
class Search(Descent):
    """One fit's search, from the user's start."""

    scipy: ScipyRun = field(init=False)
    ended_early: bool = False  # whether it goes on from where SciPy's search paused
    parameters: Parameters = field(init=False)  # all free ones, those held at a bound too
    held: Columns = field(init=False)
    receded_from: Floats | None = None  # where an optimum at infinity was looked for last
    reference: WhitenedObjective | None = None  # which values beside a bound are relative to
    nll: float = np.inf  # where the search ended
    scipy_stop: EndPoint | None = None  # where SciPy stopped, if that was no optimum

    def __post_init__(self) -> None:
        """Remember all free parameters, some of which may come to be held."""
        self.parameters = self.likelihood.parameters
        self.held = np.empty(0, dtype=np.intp)
        self.scipy = ScipyRun(self.likelihood, self.optimizer)

    def run(self) -> None:
        """Minimize with SciPy, then continue until the optimum is certified.

        From SciPy's own end where none is from where its search paused.
        """
        self._search()
        if self.ended_early and self.status is not Status.CERTIFIED:
            other = Search(self.scipy.likelihood, self.optimizer)
            other.scipy = self.scipy
            other.scipy.finish()
            other._search()
            for each in fields(Search):
                setattr(self, each.name, getattr(other, each.name))

    @property
    def result(self) -> OptimizeResult:
        """SciPy's own result, of a search that has gone to its end."""
        return self.scipy.finish()

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

    def stand_at(self, params: Floats) -> None:
        """Stand at a full parameter vector that was found otherwise."""
        self.working = self.parameters.to_working(params)
        self.nll = self.lowest = self.likelihood.total(params)
        self.remember(params, self.nll)
        self.scipy.result = OptimizeResult()
        self.scipy.result.update(x=params, fun=self.nll, success=True, message="")
        self.information = self.measure()
        self.whitening = Whitening(self.working, np.eye(self.working.size))

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
        if self.status is Status.CERTIFIED:  # by so much the nll is higher at that distance
            slack += self.decrement**2 / 2
        lower = self.best < self.nll - slack
        outside = crossed_columns(self.parameters, self.user()).size > 0
        if self.optimizer.constraints or self.best_params is None or not (lower or outside):
            return
        # A point within twice the stated distance belongs to the same optimum.
        same = self.nll - self.best <= 2 * self.decrement**2
        before = tuple(self.held) if same else None
        had_optimum, self.nll = self.status.has_optimum, self.best
        self.notes = [note for note in self.notes if not note.startswith(SUPREMUM)]
        free, ends = self.best_params[self.parameters.free], self.parameters.bounds.T
        self._hold(self.best_params, np.flatnonzero((free == ends).any(axis=0)))
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
        if self._recedes_along_curve() or self._ends_at_range_end():
            return
        if self.status is Status.CERTIFIED and self.information.definiteness == "indefinite":
            self.status = Status.NOT_CERTIFIED
        if self.status is Status.NOT_CERTIFIED and self.information.tangent is None:
            message = "" if self.result.success else str(self.result.message)
            self.notes.append(why_not_certified(self, message))

    def _stands_on_ridge(self) -> bool:
        """Look for a curve along which the nll is level, and whether it falls toward infinity."""
        notes = list(self.notes)
        if not find_ridge(self):
            return False
        self.notes, noted = notes, self.notes
        if not (self._recedes() or self._recedes_along_curve() or self._ends_at_range_end()):
            self.notes = noted
        return True

    def _ended_inside(self) -> bool:
        """Whether the search ended at what may be an interior optimum over all parameters."""
        ended = self.status in {Status.CERTIFIED, Status.NOISE_LIMITED, Status.NOT_CERTIFIED}
        return ended and not self.held.size and not self.optimizer.constraints

    def _recedes(self) -> bool:
        """Look for an optimum at infinity along any direction, where none is certified."""
        before = self.receded_from
        if before is not None and np.array_equal(before, self.working):
            return False
        if not self._is_uncertain() or comes_back(self):
            return False
        self.receded_from = self.working.copy()
        measured, hidden = self.information, self._hidden()
        found = find_recession(self)
        if found is None or not self._seen_low(found, hidden):
            return False
        before, here = self.working.copy(), self.likelihood.total(self.user())
        if not self._ends_at(found, hidden):
            if np.array_equal(self.working, before):
                self.information = measured
            else:
                self.converge()
            return False
        value = self.likelihood.total(self.user())
        if here < value <= here + self.step_sizes.slack(here):
            self.working, value = before, here
        self.best, self.best_params = value, self.user()  # what was lower is so by noise
        return True

    def _is_uncertain(self) -> bool:
        """Whether the search ended inside with no optimum that is certain."""
        ended = self.status in {Status.NOT_IDENTIFIED, Status.NOISE_LIMITED, Status.NOT_CERTIFIED}
        flat = is_nearly_singular(self.information) and not self.rises_all_around()
        ended |= self.status is Status.CERTIFIED and flat
        return ended and not self.held.size and not self.optimizer.constraints

    def _recedes_along_curve(self) -> bool:
        """Look for one along a curve, and stand where it was seen."""
        if not self._is_uncertain() or comes_back(self):
            return False
        hidden, found = self._hidden(), follow_curve(self)
        if found is None or found.seen is None:
            return False
        if not self._seen_low(found, hidden):
            return False
        self.working = self.parameters.to_working(found.seen)
        infinite = np.flatnonzero(~np.isfinite(found.params[self.parameters.free]))
        self.best, self.best_params = self.likelihood.total(found.seen), found.seen
        self.along_curve = True
        return self.has_no_optimum(found.message, infinite)

    def _ends_at_range_end(self) -> bool:
        """Look for one at an end of a parameter's range, and optimize the others there."""
        if not self._is_uncertain() or comes_back(self):
            return False
        allowed = self.best + max(SAME_SUPREMUM, self._hidden())
        found = find_range_end(self)
        if found is None or self.likelihood.total(found.params) > allowed:
            return False
        place = found.params[self.parameters.free[found.column]]
        if place != self.parameters.bounds[found.column, found.side]:
            bounds = self.parameters.bounds.copy()
            bounds[found.column, found.side] = place
            self.parameters = replace(self.parameters, bounds=bounds)
            self.notes.append(_END)
        self.reference = None
        held = optimize_within_bounds(self, found.params)
        if held is None or not self.status.has_optimum:
            self._hold(found.params, np.array([found.column]))
            self.whitening, self.decrement = Whitening(self.working, np.eye(self.working.size)), 0.0
        self.status = Status.AT_BOUND
        self.notes.append(f"at a bound: {self.parameters.listed(np.array([found.column]))}")
        self.best, self.best_params = self.likelihood.total(self.user()), self.user()
        return True

    def _hidden(self) -> float:
        """Measure by how much noise may lower the nll here, over longer distances, too."""
        here = WhitenedObjective(
            self.likelihood, Whitening(self.working, np.eye(self.working.size)), 0.0
        )
        way = _RULES.spread * (self.working - self.start())
        slack = self.step_sizes.slack(self.best)
        return max(slack, _RULES.hidden * noise_at(here, np.zeros(way.size), way))

    def _seen_low(self, found: Outcome, hidden: float) -> bool:
        """Whether infinity, within the bounds, was seen as low as any point here, but for noise."""
        if not stays_inside(self.parameters, found.params):
            return False
        seen = found.params if found.seen is None else found.seen
        level = self.likelihood.total(np.where(np.isfinite(seen), seen, self.user()))
        return level <= self.best + max(SAME_SUPREMUM, hidden)

    def _is_beside_plateau(self) -> bool:
        """Look for an optimum at infinity beside SciPy's point."""
        bounded = np.isfinite(self.parameters.bounds).any() or bool(self.parameters.curved)
        if bounded or self.optimizer.constraints or not np.isfinite(self.information.matrix).all():
            return False
        self.whitening = Whitening.from_curvature(self.working, self.information.matrix)
        target = self.target()
        here = np.zeros(self.whitening.size)
        found = at_plateau(target, here, target.value(here), self.step_sizes)
        return found is not None and self._ends_at(found)

    def _ends_at(self, found: Outcome, hidden: float = 0.0) -> bool:
        """Take over the estimates of the parameters that have them, as low but for noise."""
        finite = np.isfinite(found.params[self.parameters.free])
        if np.any(~finite & (self.working == self.start())):  # never moved: the nll does not fall
            return False
        seen = self.parameters.to_working(found.params if found.seen is None else found.seen)
        seen = np.where(finite | np.isfinite(seen), seen, self.working)
        further = np.where(finite, seen, 2 * seen - self.start())
        if not np.isfinite(self.likelihood.total(self.parameters.to_user(further))):
            return False  # the domain ends before they get there
        if self.leaves_plateau(~finite) or self.leaves_plateau(self.without_effect()):
            return False
        point = self.nearest_on_way(seen, finite, hidden)
        if point is None:
            return False
        self.working = point
        return self.has_no_optimum(found.message, np.flatnonzero(~finite))

    def _is_far_away(self) -> bool:
        """Walk on where a parameter went far from its start, to where the nll is lowest."""
        found = follow_far_parameter(self)
        return found is not None and self._ends_at(found)

    def _minimize(self) -> None:
        """Run SciPy's minimizer to its end, or to where the optimum beside it is found."""
        run = self.scipy
        if run.result is None:
            run.begin()
        self._stand_at_best()
        self.ended_early = run.trail is not None and self._ends_early(run.trail)
        if run.trail is not None and not self.ended_early:
            run.finish()
            self._stand_at_best()
        if self.optimizer.constraints:
            self.working = np.array(self.result.x, dtype=float)
        if not np.isfinite(self.working).all():
            self.working = self.start()
        user = into_bounds(self.parameters, self.parameters.to_user(self.working))
        self.working = self.parameters.to_working(user)

    def _ends_early(self, trail: Trail) -> bool:
        """Whether a Newton step from where SciPy's search paused leads to the optimum."""
        metric = trail.metric
        if metric is None:
            return False
        there = self.parameters.to_user(trail.next())
        nll = float(self.likelihood.summed_values(self.values_at(there)))
        if nll < self.lowest:
            self.remember(there, nll)
            self.working = trail.next()
        return finds_early(self, metric)

    def _stand_at_best(self) -> None:
        """Stand at the lowest point that SciPy's search saw."""
        run, start = self.scipy, self.start()
        best = start if run.best is None else run.best
        self.working, self.last = best.copy(), run.last
        self.lowest, self.drop = run.lowest, run.first - run.lowest
        self.remember(self.parameters.to_user(best), run.lowest)
        if run.lowest < run.first - _RULES.unbounded * (1 + abs(run.first)):
            self.refuse(f"falls to {run.lowest:.3g}", best - start)

    def _optimize_within_bounds(self) -> None:
        """Continue from SciPy's point to the optimum within bounds and constraints."""
        scipys_point = self.user()
        if self.optimizer.has_equalities or not self._ends_within_bounds(scipys_point):
            self._optimize_on_constraint(scipys_point)
        if not self._was_scipy_off():
            self.scipy_stop = None

    def _ends_within_bounds(self, scipys_point: Floats) -> bool:
        """Continue within bounds, as if there were no constraints; whether that leads anywhere.

        It does not where they do not hold, or where the domain ends with them.
        """
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
            self.status = Status.AT_BOUND
            self.notes.append(f"at a bound: {self.parameters.listed(held)}")
        return True

    def optimize(self, params: Floats, held: Columns) -> Floats | None:
        """Continue from a point with some parameters held; None where the search has ended."""
        self._hold(params, held)
        if self.scipy_stop is None:
            stopped = self.likelihood.parameters.to_working(params)
            self.scipy_stop = EndPoint.described(self.likelihood, stopped, self.information)
            if not self.rises_around_polished() and self._is_beside_plateau():
                return None
        self.converge()
        return self.user() if self.status.has_optimum else None

    def _keeps_falling(self, start: Floats) -> bool:
        """Whether the nll stays low beyond SciPy's point; a path to a bound does not say so."""
        return not self.held.size and Descent._keeps_falling(self, start)

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

    def _was_scipy_off(self) -> bool:
        """Whether the point where SciPy stopped was not the optimum."""
        first = self.scipy_stop
        if first is None or first.point.size != self.whitening.center.size or first.point.size == 0:
            return False
        moved = np.linalg.norm(self.whitening.to_whitened(first.point))
        return bool(moved > _RULES.off) or first.is_saddle
