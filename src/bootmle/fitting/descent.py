"""From a point to a certified optimum over the free parameters, or to why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bootmle.fitting.falls import Falls
from bootmle.fitting.flat_lines import leaves_flat_line
from bootmle.fitting.kinks import (
    curvature_vanishes,
    has_kinks,
    jumps_in_curvature,
    slope_beside_jump,
)
from bootmle.fitting.valleys import follow_valley
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import unit_diagonal
from bootmle.likelihood.derivatives import accurate_gradient
from bootmle.likelihood.quick_hessian import Surroundings
from bootmle.optimization.convergence import FLAT, furthest_fall, lowest_neighbor, refine
from bootmle.optimization.divergence import Ray, probe_rays
from bootmle.optimization.outcome import descend
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import PROMISED
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["CERTIFIED", "Descent"]

CERTIFIED = 1e-6
"""Distance to its optimum, in standard errors, that a certified fit keeps."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """When a leg refines or descends, and when a search ends."""

    legs: int = 8
    """Legs of a search; measured on 418 certified fits of nine models: 1, or 2 in 9 of them."""
    damped: int = 3
    """Legs of damped steps from where full ones do not converge: in a bending valley."""
    ends: int = 2
    """Points at whose Hessian a search ends that has gone as many legs."""
    near: float = 0.1
    """Slope, the distance to the optimum of a quadratic, within which full steps converge."""
    stays: float = 5e-7
    """Distance to the optimum, half of the certified one, at which a fit stays where it is."""
    moved: float = 1e-4
    """Last step over which the measured curvature holds: a third derivative of 1 changes it by
    1e-4 of itself."""
    noise: float = 10.0
    """The same, and the certified distance, in multiples of the distance that noise allows."""


_RULES = _Rules()

_VANISHES = "the curvature vanishes at the optimum, as that of x⁴ does: no standard error follows"


@dataclass(slots=True)
class Descent(Falls):
    """A search's descent over the free parameters."""

    is_brief: bool = False  # whether flat lines and bending valleys are left alone
    n_damped: int = 0  # legs of damped steps from where full ones do not converge

    def converge(self) -> None:
        """Continue from here to the optimum over the parameters that are not held."""
        # Once more from nearer to the start, where parameters lost their effect on the way.
        self._converge()
        lost = self.status in {Status.NOT_CERTIFIED, Status.NOT_IDENTIFIED, Status.NOISE_LIMITED}
        if lost and self.leaves_plateau(self.without_effect()):
            self._converge()

    def _converge(self) -> None:
        """Continue from here to the optimum, or to why there is none."""
        self.n_damped = 0
        self.whitening = Whitening(self.working, np.eye(self.working.size))
        if self.working.size == 0:
            self.status, self.decrement = Status.AT_BOUND, 0.0
            return
        start = self.start()
        rises = self._is_polished() and self.rises_around_polished()
        if not rises and self._keeps_falling(start):
            return
        for _ in range(_RULES.legs):
            if self._advance(start):
                return
            self._update()
        if self.information.definiteness == "positive definite":
            self._finish()

    def _finish(self) -> None:
        """Certify where the last leg ended, by what is measured there, or where that leads."""
        self.status = Status.NOT_CERTIFIED
        for _ in range(_RULES.ends):
            self.whitening = Whitening.from_curvature(self.working, self.information.matrix)
            target = self.target()
            z, self.decrement = refine(target, self.step_sizes)
            self.working = self.whitening.to_working(z)
            if self._has_stayed(z):
                self.status = self._verdict()
                return
            self.information = self.measure(self.information.covariance)
            if self.information.definiteness != "positive definite":
                return

    def _advance(self, start: Floats) -> bool:
        """Take one more leg; True where the search is over."""
        info = self.information
        if not np.isfinite(info.matrix).all():
            return self._stops_at_edge(start)
        indefinite = info.definiteness == "indefinite"
        if indefinite and self._crosses_valley():
            return False
        n_flat = info.null_directions.shape[1] if info.definiteness == "singular" else 0
        self.whitening = Whitening.from_curvature(self.working, info.matrix, n_flat)
        target = self.target()
        if self.whitening.size == 0:
            self.status, self.decrement = Status.NOT_IDENTIFIED, 0.0
            return True
        gradient, error = self._gradient(target)
        near = float(np.linalg.norm(gradient)) < _RULES.near
        if indefinite and near:
            return self._leaves_saddle(target)
        if not near:
            return self._descend(target, start)
        return self._refine(target, start, gradient, error)

    def _gradient(self, target: WhitenedObjective) -> tuple[Floats, float]:
        """Return the accurate gradient here: that of the Hessian's points, where it suffices."""
        # With a bound on its error, of which the decrement is to hold; 0 where it was measured
        # anew.
        factor, measured = self.whitening.factor, self.information
        bound = float(np.sqrt(np.sum((factor**2).T @ measured.gradient_error**2)))
        if self._is_polished() and np.array_equal(measured.point, self.working):
            if self.around is not None:
                bound = min(bound, self.around[1].slope_error)
            gradient = factor.T @ measured.gradient
            size = float(np.linalg.norm(gradient))
            if size + bound < _RULES.stays or (size - bound > _RULES.near and bound < size):
                return gradient, bound
        center = np.zeros(self.whitening.size)
        return accurate_gradient(target, center, self.step_sizes.noise), 0.0

    def _is_polished(self) -> bool:
        """Whether the search stands where SciPy's point was polished to."""
        return self.polished is not None and np.array_equal(self.working, self.polished)

    def _descend(self, target: WhitenedObjective, start: Floats) -> bool:
        """Descend by damped Newton steps; over where the likelihood rises without end."""
        run = descend(target, np.zeros(self.whitening.size), self.step_sizes)
        indefinite = self.information.definiteness == "indefinite"
        if indefinite and not run.done[0] and not run.value[0] < 0:
            return self._leaves_saddle(target)
        self.working = self.whitening.to_working(run.z[0])
        self.decrement = float(run.distance[0])
        if run.done[0]:
            return False
        value, step = float(run.value[0]), run.steps[0]
        ray = probe_rays(target, run.z[0], value, step, self.step_sizes) or self._ray_from(start)
        if not self._stands_in_valley(ray) and self._diverges(ray):
            return True
        self._update()
        return not self.is_brief and follow_valley(self)

    def _update(self) -> None:
        """Measure the information, if that was elsewhere."""
        if not np.array_equal(self.information.point, self.working):
            self.information = self.measure()

    def _stands_in_valley(self, ray: Ray | None) -> bool:
        """Whether a ray's fall is that of a flat valley's side, towards its bottom."""
        if ray is None or not ray.saturating:
            return False
        self.information = self.measure()
        definiteness = self.information.definiteness
        return definiteness == "singular" or (
            definiteness == "indefinite" and self._crosses_valley()
        )

    def _crosses_valley(self) -> bool:
        """Go to the bottom of a valley, beside which the curvature along it may be negative."""
        # By less than the slope across: whether it is a saddle shows at the bottom.
        info = self.information
        n_flat = info.null_directions.shape[1]
        before = self.whitening  # that of a ray, which is still asked where there is no valley
        self.whitening = Whitening.from_curvature(self.working, info.matrix, n_flat)
        scales = unit_diagonal(info.matrix)
        depth = -float(np.linalg.eigvalsh(scales[:, None] * info.matrix * scales)[0])
        target = self.target()
        gradient = accurate_gradient(target, np.zeros(self.whitening.size), self.step_sizes.noise)
        across = depth < float(np.linalg.norm(gradient)) < _RULES.near
        z = refine(target, self.step_sizes)[0] if across else np.zeros(self.whitening.size)
        self.working = self.whitening.to_working(z)
        if not z.any():
            self.whitening = before
        return bool(z.any())

    def _refine(
        self, target: WhitenedObjective, start: Floats, gradient: Floats, error: float
    ) -> bool:
        """Converge to the last digit and look around at one standard error."""
        z, self.decrement = np.zeros(gradient.size), float(np.linalg.norm(gradient)) + error
        stays = self._is_polished() and self.decrement < _RULES.stays
        if not stays:
            z, self.decrement = refine(target, self.step_sizes, gradient)
            self.working = self.whitening.to_working(z)
        here = target.value(z) if z.any() else 0.0
        lower = self._lowest_neighbor(target, z, here)
        if lower is not None and self._stays_flat(target, z, lower - z):
            side = self.whitening.factor @ (lower - z)
            return not self._falls_on(target, z, lower - z) and self.rises_to_supremum(side)
        if lower is not None and target.value(lower) < target.value(z):
            self.working = self.whitening.to_working(lower)
            return False
        if not self._has_stayed(z):
            return False
        self.status = self._verdict()
        undecided = self.information.definiteness == "undecided"
        flat = undecided or self.information.definiteness == "singular"
        # Where there is a limit the curvature is known to vanish.
        flat &= self.information.limit is None and not self.is_brief
        if flat and self.status.has_optimum and leaves_flat_line(self):
            self.status, target = Status.NOT_CERTIFIED, self.target()
            self._minimize_again(target, np.zeros(self.working.size))
            return False
        failed = self.status is Status.NOT_CERTIFIED and not z.any()
        if failed and self.n_damped < _RULES.damped:
            # Where a valley bends, full steps from inside it lead up its side.
            self.n_damped += 1
            return self._descend(target, start)
        if undecided and self.status is Status.CERTIFIED:
            self.status = Status.NOISE_LIMITED
        return True

    def rises_around_polished(self) -> bool:
        """Whether the nll rises to all sides of a polished point."""
        definite = self.information.definiteness == "positive definite"
        return definite and self.around is not None and bool(self.around[1].rises.min() > FLAT)

    def rises_all_around(self) -> bool:
        """Whether the nll is known to rise by at least half as much, to all sides of here."""
        around = self._looked_around(self.whitening.to_whitened(self.working))
        return around is not None and around.rises_everywhere

    def _is_steady(self) -> bool:
        """Whether the slopes measured here are those over the shortest steps, too."""
        return self._is_polished() and self.around is not None and self.around[1].is_steady

    def _looked_around(self, z: Floats) -> Surroundings | None:
        """Return how the nll rises around a point (r,), if that was looked at from there."""
        if self.around is None or self.around[0].size != self.whitening.center.size:
            return None
        away = self.whitening.to_whitened(self.around[0]) - z
        return self.around[1] if float(np.linalg.norm(away)) < _RULES.moved else None

    def _lowest_neighbor(self, target: WhitenedObjective, z: Floats, value: float) -> Floats | None:
        """Return the lowest point one standard error away, None where all rise."""
        # By what the nll rises to them from beside z, if that is known.
        around = self._looked_around(z)
        if around is None:
            return lowest_neighbor(target, z, value, np.eye(z.size))
        lowest = int(np.argmin(around.rises))
        there = self.working + around.displacements[lowest]
        return self.whitening.to_whitened(there) if around.rises[lowest] < FLAT else None

    def _has_stayed(self, z: Floats) -> bool:
        """Whether the last steps were so short that the curvature is that of where they led."""
        return bool(np.linalg.norm(z) <= max(_RULES.moved, self._attainable(z.size)))

    def _attainable(self, size: int) -> float:
        """Return the distance to the optimum that a fit reaches in spite of the noise."""
        return _RULES.noise * self.step_sizes.attainable(size)

    def _verdict(self) -> Status:
        """Say what the final decrement certifies."""
        limit = max(self._attainable(self.whitening.size), PROMISED)
        if has_kinks(self):
            if self.decrement <= limit and curvature_vanishes(self):
                nothing = np.full((self.working.size, 1), np.nan)
                self.information = replace(self.information, limit=nothing)
                self.notes += [_VANISHES] if _VANISHES not in self.notes else []
                return Status.NOISE_LIMITED
            slope = slope_beside_jump(self)
            if slope is None:
                return Status.NOT_CERTIFIED
            self.decrement = max(self.decrement, slope)
        elif self.decrement <= CERTIFIED and not self._is_steady() and jumps_in_curvature(self):
            self.decrement = max(self.decrement, slope_beside_jump(self) or 0.0)
        if self.decrement > CERTIFIED:
            return Status.NOISE_LIMITED if self.decrement <= limit else Status.NOT_CERTIFIED
        flat = self.whitening.size < self.working.size
        return Status.NOT_IDENTIFIED if flat else Status.CERTIFIED

    def _leaves_saddle(self, target: WhitenedObjective) -> bool:
        """Leave a saddle along its direction of negative curvature, and minimize again."""
        info = self.information
        down = self.whitening.to_whitened(self.working + info.directions[:, 0])
        down = down / np.linalg.norm(down)
        sides = [furthest_fall(target, side * down) for side in (1.0, -1.0)]
        lowest, value = min(sides, key=lambda side: side[1])
        name = info.describe_direction(info.directions[:, 0])
        where = f"a saddle (eigenvalue {info.eigenvalues[0]:.4g} along {name})"
        if not value < 0:
            self.status = Status.NOT_CERTIFIED
            self.notes.append(f"stands at {where} that could not be left")
            return True
        if not any("a saddle (" in note for note in self.notes):  # SciPy stopped once
            self.notes.append(f"SciPy stopped at {where}; the fit left it along that direction")
        self._minimize_again(target, lowest)
        return False

    def _minimize_again(self, target: WhitenedObjective, z: Floats) -> None:
        """Run SciPy's minimizer from another point, in standard errors."""
        parameters, start = self.likelihood.parameters, self.whitening.to_working(z)
        value = target.value(z)
        result = self.optimizer.minimize(
            target.value_at,
            start,
            parameters,
            gradient=target.analytic_gradient,
            announce=self.likelihood.expect_working,
            unit=self.whitening.units,
        )
        better = np.isfinite(result.x).all() and result.fun < value
        self.working = np.array(result.x) if better else start
