"""Optima at infinity: along rays, directions of recession, curves, and where a valley ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from bootmle.fitting.descent import Descent
from bootmle.fitting.flat_lines import comes_back
from bootmle.fitting.recessions import (
    find_recession,
    follow_curve,
    follow_far_parameter,
    is_nearly_singular,
)
from bootmle.fitting.ridges import find_ridge
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.parameters import Parameters
from bootmle.optimization.bounds import Columns, stays_inside
from bootmle.optimization.divergence import domain_ends
from bootmle.optimization.flat_spaces import noise_at
from bootmle.optimization.outcome import (
    SUPREMUM,
    UNBOUNDED,
    Outcome,
    describe_ends,
    divergence_signs,
)
from bootmle.optimization.plateaus import SAME_SUPREMUM, at_plateau
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["SupremumSearch"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What noise hides."""

    spread: float = 50.0
    """Multiple of the way from the start for steps that show noise, 0.005 of it: far out it is
    alike over short distances."""
    hidden: float = 4.0
    """Noise levels by which a lowest value may be so by noise."""
    quadruples: int = 17
    """Of the way from the start, to 4e9 times, by which a single parameter is moved on: a slope of
    1e-8 shows there."""
    onward: float = 64.0
    """Multiple of the way from the start at which it must not be lower."""


_RULES = _Rules()


@dataclass(slots=True)
class SupremumSearch(Descent, ABC):
    """A search that looks for an optimum at infinity where none is certain."""

    parameters: Parameters = field(init=False)  # all free ones, those held at a bound too
    held: Columns = field(init=False)
    receded_from: Floats | None = None  # where an optimum at infinity was looked for last

    @abstractmethod
    def _ends_at_range_end(self) -> bool:
        """Look for one at an end of a parameter's range, and optimize the others there."""

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
        if found.message.startswith(UNBOUNDED):
            return self.has_no_optimum(found.message, self._diverging(found))
        if not self._seen_low(found, hidden):
            return False
        if found.status is Status.AT_BOUND and self._ends_at_range_end():
            return True
        self.working = self.parameters.to_working(found.seen)
        self.best, self.best_params = self.likelihood.total(found.seen), found.seen
        self.along_curve = True
        return self.has_no_optimum(self._why(found), self._diverging(found))

    def _diverging(self, found: Outcome) -> Columns:
        """Return which parameters have no finite value on the working scale."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.flatnonzero(~np.isfinite(self.parameters.to_working(found.params)))

    def _why(self, found: Outcome) -> str:
        """Say where the likelihood rises to, the end of a scale's range included."""
        if found.status is not Status.AT_BOUND:
            return found.message
        columns = self._diverging(found)
        ends = found.params[self.parameters.free[columns]]
        return f"{SUPREMUM} as {describe_ends(self.parameters, columns, ends)}"

    def _rises_on(self) -> bool:
        """Whether the nll stays low as what went far goes on, the others left where they are."""
        lost = self.status is Status.NOT_CERTIFIED and self._ended_inside()
        if not lost or np.isfinite(self.parameters.bounds).any():
            return False
        way = self.working - self.start()
        alone = np.where(divergence_signs(np.nan_to_num(way)) == 0, 0.0, way)
        target = WhitenedObjective(
            self.likelihood, Whitening(self.working, np.eye(alone.size)), 0.0
        )
        before, here, beyond = (
            target.value_at(self.working + share * alone) for share in (-1, 0, _RULES.onward)
        )
        level = before > here + SAME_SUPREMUM and beyond > here - SAME_SUPREMUM
        return level and self.rises_to_supremum(alone)

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
        low = level <= self.best + max(SAME_SUPREMUM, hidden)
        return low and not self._rises_far_out(seen)

    def _rises_far_out(self, seen: Floats) -> bool:
        """Whether the nll of a single parameter rises at last, and from there on."""
        # Of several the others would have to follow.
        if self.working.size > 1:
            return False
        point = self.parameters.to_working(np.where(np.isfinite(seen), seen, self.user()))
        whitening = Whitening(point, (point - self.start())[:, None])
        target = WhitenedObjective(self.likelihood, whitening, 0.0)
        multiples: Floats = np.power(4.0, np.arange(_RULES.quadruples)).astype(float)
        rises = target.values(multiples[:, None]) - target.value(np.zeros(1))
        risen = np.flatnonzero(rises > SAME_SUPREMUM)
        if not risen.size or not np.all(np.diff(rises[risen[0] :]) > 0):
            return False
        far = multiples[risen[:1]]
        noise = noise_at(target, far, far)
        return bool(np.isfinite(rises[risen]).all() and rises[risen[0]] > _RULES.hidden * noise)

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
        if domain_ends(self._value_at, self.start(), seen, ~finite):
            return False
        if self.leaves_plateau(~finite) or self.leaves_plateau(self.without_effect()):
            return False
        point = self.nearest_on_way(seen, finite, hidden)
        if point is None:
            return False
        self.working = point
        return self.has_no_optimum(self._why(found), np.flatnonzero(~finite))

    def _value_at(self, working: Floats) -> float:
        """Evaluate the nll on the working scale."""
        return self.likelihood.total(self.parameters.to_user(working))

    def _is_far_away(self) -> bool:
        """Walk on where a parameter went far from its start, to where the nll is lowest."""
        found = follow_far_parameter(self)
        return found is not None and self._ends_at(found)
