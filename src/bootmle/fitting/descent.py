"""From a point to a certified optimum over the free parameters, or to what stands in its way."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import unit_diagonal
from bootmle.likelihood.derivatives import accurate_gradient
from bootmle.likelihood.information import Information
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.bounds import scale_ends
from bootmle.optimization.convergence import (
    furthest_fall,
    lowest_neighbor,
    observed_information,
    refine,
)
from bootmle.optimization.divergence import Ray, probe_rays
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.outcome import SUPREMUM, descend, describe_ends, divergence_signs
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["Descent"]

_ATTEMPTS = 8
_TURNS = 3
_CERTIFIED = 1e-6
_NEAR = 0.1
_MOVED = 1e-4
_FLAT_SIDE = 0.02
_FAR_DOUBLINGS = 7
_MOVED_LIKELIHOOD = 0.1
_STAYS = 1e-6
_STAYS_FALLING = 0.01
_FLAT = 1e-3
_QUIET = 1e-8
"""Noise that is too small to make the Hessian uncertain."""
_UNCERTAIN = 1e-3
"""Error of the Hessian, on a unit diagonal, that no smooth objective with so little noise has."""
_UNCERTAIN_BY_GRADIENT = 0.1
"""The same where gradients are given, which even rounded to two digits leave less."""

_WRONG_SIGN = (
    "fun: unbounded below: it {how} as {where}. Does it return the log-likelihood rather than its "
    "negative? If the sign is right, the likelihood has no maximum: bound or fix a parameter"
)


@dataclass(slots=True)
class Descent:
    """A way down the nll over the free parameters, and where it stands.

    Attributes
    ----------
    likelihood : Likelihood
        The objective; parameters that are held are not among the free ones.
    optimizer : Optimizer
        The user's method, constraints and options.
    working : (q,) array
        The best point so far, on the working scale.
    information : Information
        Observed information there, on the working scale.
    whitening : Whitening
        Coordinates in standard errors there.
    status : Status
    decrement : float
        Distance to the optimum in standard errors.
    lowest, drop : float
        The lowest nll that SciPy saw, and how far it lies below the start's.
    notes : list of str
        What happened on the way.
    n_evaluations : int
    n_turns : int
        How often damped steps were tried from where full ones do not converge.
    """

    likelihood: Likelihood
    optimizer: Optimizer
    working: Floats = field(init=False)
    information: Information = field(init=False)
    whitening: Whitening = field(init=False)
    status: Status = Status.NOT_CERTIFIED
    decrement: float = np.inf
    lowest: float = np.inf
    drop: float = 0.0
    notes: list[str] = field(default_factory=list)
    n_evaluations: int = 0
    n_turns: int = 0

    def settle(self) -> None:
        """Go on from here to the optimum over the parameters that are not held."""
        self.n_turns = 0
        self.whitening = Whitening(self.working, np.eye(self.working.size))
        if self.working.size == 0:
            self.status, self.decrement = Status.AT_BOUND, 0.0
            return
        start = self.start()
        if self._runs_away(start):
            return
        for _ in range(_ATTEMPTS):
            if self._attempt(start):
                return
            self.information = self.measure()
        if self.information.definiteness == "positive definite":
            self._finish()

    def _finish(self) -> None:
        """Certify where the last leg ended, by what is measured there."""
        self.whitening = Whitening.from_curvature(self.working, self.information.matrix)
        target = self.target()
        z, self.decrement = refine(target, self.step_sizes)
        self.working = self.whitening.to_working(z)
        self.count(target)
        self.status = self._verdict() if self._has_stayed(z) else Status.NOT_CERTIFIED

    @property
    def step_sizes(self) -> StepSizes:
        """Steps and tolerances that follow the noise, which rounding alone brings to this."""
        rounding = np.finfo(float).eps * abs(self.lowest) / np.sqrt(self.likelihood.n or 1)
        return StepSizes.from_noise(max(self.information.noise, rounding))

    def start(self) -> Floats:
        """Return the start on the working scale."""
        parameters = self.likelihood.parameters
        return parameters.to_working(parameters.values)

    def measure(self) -> Information:
        """Measure the information where the search stands."""
        information = observed_information(self.likelihood, self.working)
        self.n_evaluations += information.n_evaluations
        return information

    def _attempt(self, start: Floats) -> bool:
        """Take one more leg; True where the search is over."""
        info = self.information
        if not np.isfinite(info.matrix).all():
            total = self.likelihood.total(self.user())
            if total == -np.inf:
                self.refuse("falls to -inf", self.working - start)
            self.status = Status.NOT_CERTIFIED if np.isfinite(total) else Status.NOT_FINITE
            self.whitening = Whitening(self.working, np.eye(self.working.size))
            return True
        if info.definiteness == "indefinite" and self._goes_across():
            return False
        n_flat = info.null_directions.shape[1] if info.definiteness == "singular" else 0
        self.whitening = Whitening.from_curvature(self.working, info.matrix, n_flat)
        target = self.target()
        if self.whitening.size == 0:
            self.status, self.decrement = Status.NOT_IDENTIFIED, 0.0
            return True
        gradient = accurate_gradient(target, np.zeros(self.whitening.size), self.step_sizes.noise)
        slope = float(np.linalg.norm(gradient))
        if info.definiteness == "indefinite" and slope < _NEAR:
            return self._leave_saddle(target)
        if info.definiteness == "indefinite" or not slope < _NEAR:
            return self._descend(target, start)
        return self._refine(target, start)

    def _descend(self, target: WhitenedObjective, start: Floats) -> bool:
        """Go down by damped Newton steps; over where the likelihood rises without end."""
        run = descend(target, np.zeros(self.whitening.size), self.step_sizes)
        if (
            not run.done[0]
            and not run.value[0] < 0
            and self.information.definiteness == "indefinite"
        ):
            return self._leave_saddle(target)
        self.count(target)
        self.working = self.whitening.to_working(run.z[0])
        self.decrement = float(run.distance[0])
        if run.done[0]:
            return False
        ray = probe_rays(target, run.z[0], float(run.value[0]), run.steps[0], self.step_sizes)
        ray = ray or self._ray_from(start)
        return not self._stands_in_valley(ray) and self._diverges(ray)

    def _goes_across(self) -> bool:
        """Go to the bottom of a valley, beside which the curvature along it may be negative.

        By less than the slope across: a saddle is told from it at the bottom.
        """
        info = self.information
        n_flat = info.null_directions.shape[1]
        self.whitening = Whitening.from_curvature(self.working, info.matrix, n_flat)
        scales = unit_diagonal(info.matrix)
        depth = -float(np.linalg.eigvalsh(scales[:, None] * info.matrix * scales)[0])
        target = self.target()
        gradient = accurate_gradient(target, np.zeros(self.whitening.size), self.step_sizes.noise)
        across = depth < float(np.linalg.norm(gradient)) < _NEAR
        if across:
            self.working = self.whitening.to_working(refine(target, self.step_sizes)[0])
        self.count(target)
        return across

    def _stands_in_valley(self, ray: Ray | None) -> bool:
        """Whether a ray's fall is that of a flat valley's side, towards its bottom."""
        if ray is None or not ray.saturating:
            return False
        self.information = self.measure()
        singular = self.information.definiteness == "singular"
        return singular or (self.information.definiteness == "indefinite" and self._goes_across())

    def _runs_away(self, start: Floats) -> bool:
        """Whether the nll stays low on and on along SciPy's way, as on no way past an optimum."""
        way = self.working - start
        if (
            bool(np.isfinite(self.likelihood.parameters.bounds).any())
            or self.drop < _MOVED_LIKELIHOOD
        ):
            return False
        target = self.target()
        along = [target.value_at(self.working + 2.0**k * way) for k in range(_FAR_DOUBLINGS)]
        self.count(target)
        if not max(along) <= _STAYS * self.drop:
            return False
        if min(along) < -_STAYS_FALLING * self.drop:
            self.refuse(f"falls by {-min(along):.3g} beyond where SciPy stopped", way)
        return self._only_has_supremum(way)

    def _refine(self, target: WhitenedObjective, start: Floats) -> bool:
        """Converge to the last digit and look around at one standard error."""
        z, self.decrement = refine(target, self.step_sizes)
        self.working = self.whitening.to_working(z)
        fallen = lowest_neighbor(target, z, target.value(z), np.eye(z.size))
        if fallen is not None and self._stays_flat(target, z, fallen - z):
            self.count(target)
            return self._only_has_supremum(self.whitening.factor @ (fallen - z))
        if fallen is not None and target.value(fallen) < target.value(z):
            self.working = self.whitening.to_working(fallen)
            self.count(target)
            return False
        self.count(target)
        if not self._has_stayed(z):
            return False
        self.status = self._verdict()
        if self.status is Status.NOT_CERTIFIED and not z.any() and self.n_turns < _TURNS:
            # Where a valley bends, full steps from inside it lead up its side.
            self.n_turns += 1
            return self._descend(target, start)
        return True

    def _has_stayed(self, z: Floats) -> bool:
        """Whether the last steps were so short that the curvature is that of where they led."""
        return bool(np.linalg.norm(z) <= max(_MOVED, 10 * self.step_sizes.attainable(z.size)))

    def _stays_flat(self, target: WhitenedObjective, z: Floats, way: Floats) -> bool:
        """Whether the nll does not rise over many standard errors to one side, but to the other."""
        value = target.value(z)
        along = [target.value(z + 2.0**k * way) - value for k in range(_FAR_DOUBLINGS)]
        return max(along) < _FLAT and target.value(z - way) - value > _FLAT_SIDE

    def _verdict(self) -> Status:
        """Say what the final decrement certifies."""
        if self._has_kinks():
            return Status.NOT_CERTIFIED
        attainable = 10 * self.step_sizes.attainable(self.whitening.size)
        if self.decrement > _CERTIFIED:
            limited = self.decrement <= max(attainable, 1e-3)
            return Status.NOISE_LIMITED if limited else Status.NOT_CERTIFIED
        flat = self.whitening.size < self.working.size
        return Status.NOT_IDENTIFIED if flat else Status.CERTIFIED

    def _has_kinks(self) -> bool:
        """Whether the curvature is another at every length of step, by more than noise makes it."""
        info, scales = self.information, unit_diagonal(self.information.matrix)
        error = float(np.max(scales[:, None] * info.error * scales))
        by_values = info.noise < _QUIET and error > _UNCERTAIN
        by_gradient = self.likelihood.has_gradient and error > _UNCERTAIN_BY_GRADIENT
        return (by_values or by_gradient) and info.definiteness != "singular"

    def _leave_saddle(self, target: WhitenedObjective) -> bool:
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
        self.notes.append(f"SciPy stopped at {where}; left along it")
        self._minimize_again(target, lowest)
        self.count(target)
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
            unit=self.whitening.units,
        )
        better = np.isfinite(result.x).all() and result.fun < value
        self.working = np.array(result.x) if better else start

    def _diverges(self, ray: Ray | None) -> bool:
        """Settle a likelihood that rises without end: no optimum, or the wrong sign."""
        if ray is None:
            return False
        direction = self.whitening.factor @ ray.direction
        if not ray.saturating and -ray.end > _STAYS_FALLING * max(1.0, self.drop):
            self.refuse(f"falls by {-ray.end:.3g} beyond where SciPy stopped", direction)
        return self._only_has_supremum(direction)

    def _only_has_supremum(self, direction: Floats) -> bool:
        """Record that the likelihood rises towards its supremum along a direction."""
        return self._has_no_optimum(f"{SUPREMUM} as {self._where(direction)}")

    def _has_no_optimum(self, why: str) -> bool:
        """Record that there is no finite optimum."""
        self.status, self.decrement = Status.NO_FINITE_OPTIMUM, np.inf
        self.notes.append(why)
        return True

    def _ray_from(self, start: Floats) -> Ray | None:
        """Probe the way from the start to here."""
        way = self.working - start
        if not np.any(way):
            return None
        self.whitening = Whitening(self.working, way[:, None])
        return probe_rays(self.target(), np.zeros(1), 0.0, np.ones(1), self.step_sizes)

    def refuse(self, how: str, direction: Floats) -> None:
        """Raise for an objective without a lower bound."""
        raise ValueError(_WRONG_SIGN.format(how=how, where=self._where(direction)))

    def _where(self, direction: Floats) -> str:
        """Say where the parameters go along a direction."""
        parameters, signs = self.likelihood.parameters, divergence_signs(np.nan_to_num(direction))
        columns = np.flatnonzero(signs)
        return describe_ends(parameters, columns, scale_ends(parameters, columns, signs[columns]))

    def target(self) -> WhitenedObjective:
        """See the objective in the current whitening, relative to its value here."""
        self.n_evaluations += 1
        return WhitenedObjective(self.likelihood, self.whitening, self.likelihood.at(self.user()))

    def user(self) -> Floats:
        """Return the full parameter vector where the search stands."""
        return self.likelihood.parameters.to_user(self.working)

    def count(self, target: WhitenedObjective) -> None:
        """Add a target's evaluations to the search's."""
        self.n_evaluations += target.n_evaluations
        target.n_evaluations = 0
