"""The limits of refits, those of a chunk in lockstep and compiled ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.compiled_models import Limits
from bootmle.optimization.newton import model_limits, trust_radius
from bootmle.optimization.step_sizes import PROMISED, StepSizes

__all__ = ["RULES", "exact_limits", "measures_own_hessians"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Limits on the refits' steps, and distances from which the last one is taken."""

    few: int = 4
    """Up to this many parameters the Hessian is measured at every point: small samples need it."""
    rounds: int = 7
    """Measured on eight models, n = 20 to 1500 and p = 1 to 12: no replicate of 8,000 took more."""
    far: float = 3.0
    """Trust radii from the estimate beyond which a refit is left to the fallback."""
    reach: float = 2.0
    """Trust radii within which an expansion's optimum starts a compiled refit, whose nll must end
    below that at the estimate; beyond one it is certified after two steps at the earliest."""
    arriving: float = 0.5
    """Distance to its optimum within which a far refit continues all the same."""
    slow: float = 0.5
    """Contraction by one step that asks for a measured Hessian; measured on the same models: 99%
    of the steps contract to less than 0.03."""
    close: float = 0.1
    """Distance within which a step needs no value where there are gradients: the nll changes by
    0.1²/2, and the next gradient judges the step."""
    backtracks: int = 6
    """Times that a step is quartered before the refit is stuck: to a thousandth of its length."""
    shortest: float = 1e-3
    """Trust radius that backtracking leaves at least: a certificate's distance."""
    full: float = 0.99
    """Share of the trust radius from which on a step that lowers the nll doubles it."""
    scatter: tuple[float, float] = (0.1, 0.5)
    """Limits of √(q/n), by which a resample's Hessian scatters around the original's."""
    left: float = 5e-4
    """Distance that the last step may leave: half of what is promised. Measured on a hundred
    censored log-normal refits: three quarters leave up to 1.4e-3."""
    wide: float = 3e-2
    """Largest distance from which a last step is taken, however good its Hessian seems."""
    small_samples: float = 5e-4
    """The same for few parameters, in whose small samples a Hessian changes over short steps."""
    undecided: float = 5e-4
    """Curvature that a measured Hessian's error may hide, half of the forward step of its mixed
    differences; measured on twelve Poisson regressions with a column of zeros: up to 1e-4."""
    shallow: float = 0.05
    """Curvature at an optimum below which the curvature over a longer step is looked at, too, as it
    is beyond the trust radius: far out an objective may have more noise than at the estimate."""
    usual: int = 3
    """Steps of a refit after which it is looked at, too."""
    uneven: float = 1e-2
    """Ratio of the smallest curvature to the largest below which it is, too: the error of a mixed
    difference is a share of the largest."""
    longer: float = 0.1
    """That step, along which noise disturbs curvatures 10⁴ times less than over one of 1e-3."""
    alike: tuple[float, float] = (0.5, 2.0)
    """Ratio of the two within which the noise is not measured; over 0.1 standard errors a third
    derivative of 1 changes a curvature by a tenth."""
    gone: float = 0.1
    """Ratio below which the measured one is none; seen on a resample whose scale has none: 0.02."""
    diverging: int = 3
    """Steps in a row, beyond the trust radius, that hardly contract, from which on a refit is left
    to the fallback: a separated logit's have all the same length."""
    unreached: float = 4.0
    """Multiple of the squared decrement by which an nll ends lower at most, from a decrement of
    0.68 on: a self-concordant one by the square itself (Boyd and Vandenberghe 2004, section 9.6.3),
    and one with an exponential tail as well, a Cauchy's by twice that."""
    near: float = 0.68
    """That decrement."""
    level: float = 1e-2
    """Slope along a parameter's axis at the estimate by which it may have no effect: steps of 1e-3
    leave 5e-4 of the curvature, and a regular slope has a standard deviation of 1."""
    flat: float = 0.02
    """Rise over one standard error along that axis that says so: a regular one is ½ or more."""


RULES = _Rules()


def exact_limits(step_sizes: StepSizes, size: int, n: int | None) -> Limits:
    """Return the limits of refits with exact gradients, which are compiled as one program."""
    scatter = float(np.clip(np.sqrt(size / (n or np.inf)), *RULES.scatter))
    radius = trust_radius(size)
    return Limits(
        radius=radius,
        reach=RULES.reach * radius,
        far=RULES.far * radius,
        rounds=RULES.rounds,
        close=RULES.close,
        slow=RULES.slow,
        slack=step_sizes.slack(),
        undecided=RULES.undecided,
        scatter=scatter,
        left=RULES.left * RULES.scatter[0] / scatter,
        wide=RULES.wide,
        most=RULES.small_samples if size <= RULES.few else np.inf,
        floor=step_sizes.floor(size),
        exact=max(PROMISED, step_sizes.floor(size)),
        **model_limits(),
    )


def measures_own_hessians(size: int) -> bool:
    """Whether each replicate's Hessian is measured for its sandwich, with so many parameters."""
    # A modeled one leaves standard errors off by 0.5% in the median at n = 1,500, by 2% at 60; with
    # 12 parameters measuring it takes as long as the rest of a refit, or longer (a compiled NB2).
    return size <= RULES.few
