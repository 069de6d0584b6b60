"""Remedies: whether more data or another parameterization would help."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from bootmle.bootstrapping.results import Bootstrap
from bootmle.crosschecks.evidence import Evidence
from bootmle.display.encoding import printable
from bootmle.display.text import rounded
from bootmle.execution.raised import RAISED
from bootmle.fitting.fit import Fit
from bootmle.inference.standard_errors import skewness, standard_error
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.scales import Identity, Log, Logit, Scale
from bootmle.refitting.expansion import expand_shared
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.sampling import Plan, Structure, draw_resample

__all__ = [
    "Conditioning",
    "Reparameterization",
    "flat_for_all",
    "measure_conditioning",
    "suggest_transforms",
]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When a remedy is suggested."""

    replicates: int = 200
    """Replicates whose Hessians are computed: 10 lie beyond the 5% and the 95% quantile each."""
    unstable: float = 10.0
    """Ratio of the condition number's 95% quantile over replicates to the fit's from which the
    sample is said to be too small: a digit less in a sample of the same size."""
    unmoved: float = 1e-9
    """Relative change up to which contributions count as constant, above rounding error."""
    skewness: float = 0.3
    """Skewness from which another scale is tried: less than what is reported as skewed."""
    clear: float = 3.0
    """Standard errors √(6/B) of a skewness by which the other scale must reduce it."""


_THRESHOLDS = _Thresholds()
_SCALES: dict[str, Scale] = {"log": Log(), "logit": Logit()}

_BEYOND: WeakKeyDictionary[Fit, dict[tuple[int, bool], bool]] = WeakKeyDictionary()
"""What `_takes_values_beyond` found for fits that are still in use."""


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """How well the data determine all parameters together.

    Attributes
    ----------
    number : float
        Condition number of the Hessian scaled to a unit diagonal.
    smallest : float
        Its smallest eigenvalue then: 1 for orthogonal parameters, 0 if the data do not identify
        some combination of them.
    numbers, smallests : (b,) arrays
        The same for the replicates' own Hessians at their optima; empty without a bootstrap.
    """

    number: float
    smallest: float
    numbers: Floats
    smallests: Floats

    def __str__(self) -> str:
        """State the conditioning, and whether more data would help."""
        shown = (
            f"scaled to a unit diagonal, the Hessian has a smallest eigenvalue of "
            f"{rounded(self.smallest, 2)} and a condition number of {rounded(self.number, 2)}"
        )
        if not self.numbers.size:
            return shown
        low, high = np.quantile(self.numbers, [0.05, 0.95])
        span = f"{rounded(float(low), 2)} to {rounded(float(high), 2)}"
        shown = f"{shown} ({span} in 90% of {len(self.numbers)} replicates)"
        if high > _THRESHOLDS.unstable * self.number:
            return f"{shown}: a sample of this size barely identifies the parameters, get more data"
        return shown


@dataclass(frozen=True, slots=True)
class Reparameterization:
    """A scale on which a parameter's replicates are closer to normal.

    Attributes
    ----------
    name : str
        The parameter.
    scale : str
        "log" or "logit".
    skewness : tuple of float
        Skewness of the replicates, before and after.
    ratio : tuple of float
        Hessian SE over bootstrap SE, before and after.
    """

    name: str
    scale: str
    skewness: tuple[float, float]
    ratio: tuple[float, float]

    def __str__(self) -> str:
        """State what it improves."""
        return printable(
            f"{self.name} on the {self.scale} scale: skewness {self.skewness[0]:.2f} → "
            f"{self.skewness[1]:.2f}, Hessian SE / bootstrap SE {self.ratio[0]:.2f} → "
            f"{self.ratio[1]:.2f}"
        )


def measure_conditioning(fit: Fit, boot: Bootstrap | None) -> Conditioning | None:
    """Measure the Hessian's conditioning over replicates; None unless it is positive definite."""
    # Nor on constraints, at bounds or at infinity: it says nothing of the parameters one by one.
    information = fit.information
    on_edge = information.tangent is not None or information.limit is not None
    if information.definiteness != "positive definite" or on_edge:
        return None
    (number,), (smallest,) = _conditions(fit.information.matrix[None])
    hessians = None if boot is None else _hessians(fit, boot)
    if hessians is None:
        return Conditioning(number, smallest, np.empty(0), np.empty(0))
    return Conditioning(number, smallest, *_conditions(hessians))


def _conditions(hessians: Floats) -> tuple[Floats, Floats]:
    """Return condition numbers and smallest eigenvalues, scaled to a unit diagonal, (b,) each."""
    diagonal = np.abs(np.diagonal(hessians, axis1=1, axis2=2))
    unit = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values = np.linalg.eigvalsh(hessians / (unit[:, :, None] * unit[:, None, :]))
    return np.abs(values).max(axis=1) / np.abs(values).min(axis=1), values[:, 0]


def _hessians(fit: Fit, boot: Bootstrap) -> Floats | None:
    """Return the first replicates' Hessians at their optima, (b, q, q) on the working scale."""
    plan, likelihood = boot.sampling, fit.likelihood
    if not likelihood.per_observation or not isinstance(plan, Plan):
        return None
    if plan.structure is Structure.MODEL or plan.linear:
        return None
    shared = LikelihoodRefit.prepare(fit)
    same = shared.expansion is not None and shared.dispersion == 1
    expansion = shared.expansion
    if not same:
        expansion = expand_shared(likelihood, fit.whitening, fit.step_sizes.expansion_step)
    # A replicate at a bound is infinite on a log or logit scale.
    z = fit.whitening.to_whitened(likelihood.parameters.to_working(boot.replicates))
    usable = np.flatnonzero((boot.status >= 0) & np.isfinite(z).all(axis=1))[
        : _THRESHOLDS.replicates
    ]
    if expansion is None or expansion.order < 2 or not usable.size:
        return None
    drawn = np.array([draw_resample(plan, fit.n, boot.seed, int(k)).weights for k in usable])
    weights = likelihood.weights_of(drawn)
    inverse = fit.whitening.inverse
    hessians: Floats = inverse.T @ expansion.models(weights).hessian(z[usable]) @ inverse
    # Near a plateau standard errors are large, and the objective overflows within the expansion.
    finite = np.isfinite(hessians).all(axis=(1, 2))
    return hessians[finite] if finite.any() else None


def flat_for_all(fit: Fit) -> bool | None:
    """Whether no observation's contribution changes along the flat directions; None if unknown."""
    # Then no sample of the same kind identifies them.
    information = fit.information
    if not fit.likelihood.per_observation or not information.null_directions.size:
        return None
    reach = np.sqrt(np.abs(np.diag(information.matrix)))
    base = fit.likelihood.contributions(fit.estimate)
    for direction in information.null_directions.T:
        step = np.zeros(len(fit.names))
        step[fit.free] = direction / max(float(np.linalg.norm(direction * reach)), 1e-300)
        for side in (step, -step):
            moved = np.abs(fit.likelihood.contributions(fit.estimate + side) - base)
            if not moved.max() < _THRESHOLDS.unmoved * max(1.0, float(np.abs(base).max())):
                return False
    return True


def suggest_transforms(evidence: Evidence) -> tuple[Reparameterization, ...]:
    """Find scales on which replicates are closer to normal, and the Hessian closer to them."""
    boot, fit = evidence.boot, evidence.fit
    if boot is None or not boot.supports_quantiles:
        return ()
    columns = boot.kept().T
    found = [
        _suggest(evidence, columns[position][np.isfinite(columns[position])], int(position))
        for position, scale in zip(fit.likelihood.parameters.free, fit.scales, strict=True)
        if isinstance(scale, Identity)
    ]
    return tuple(each for each in found if each is not None)


def _suggest(evidence: Evidence, values: Floats, position: int) -> Reparameterization | None:
    """Try both scales for one parameter, and return the better one if it is clearly better."""
    estimate = float(evidence.fit.estimate[position])
    error = float(evidence.known["hessian"].standard_errors[position])
    before, ratio = _describe(values[:, None], error)
    best: Reparameterization | None = None
    if not abs(before) > _THRESHOLDS.skewness or not np.isfinite(ratio):
        return None
    for name, scale in _SCALES.items():
        mapped = scale.forward(np.append(values, estimate))
        if not np.isfinite(mapped).all() or _takes_values_beyond(evidence.fit, position, scale):
            continue
        slope = _slope(scale, estimate)
        after, nearer = _describe(mapped[:-1, None], error * slope)
        margin = _THRESHOLDS.clear * np.sqrt(6 / len(values))
        better = abs(after) < abs(before) - margin and abs(np.log(nearer)) < abs(np.log(ratio))
        if better and (best is None or abs(after) < abs(best.skewness[1])):
            name_of = evidence.fit.names[position]
            best = Reparameterization(name_of, name, (before, after), (ratio, nearer))
    return best


def _takes_values_beyond(fit: Fit, position: int, scale: Scale) -> bool:
    """Whether the model takes values of a parameter that a scale has none for."""
    # Then its sign, say, is not settled by the model, as that of a regression coefficient; unless
    # both signs mean the same. Measured once for each fit.
    known = _BEYOND.setdefault(fit, {})
    key = position, scale is _SCALES["log"]
    if key not in known:
        known[key] = _look_beyond(fit, position, scale)
    return known[key]


def _look_beyond(fit: Fit, position: int, scale: Scale) -> bool:
    """Evaluate the objective where a scale has no values."""
    value = float(fit.estimate[position])
    beyond = (-value,) if scale is _SCALES["log"] else (-value, 1 + value)
    bounds = fit.likelihood.parameters.bounds
    low, high = bounds[int(np.flatnonzero(fit.likelihood.parameters.free == position)[0])]
    for other in beyond:
        if not low <= other <= high:
            continue
        params = fit.estimate.copy()
        params[position] = other
        try:
            nll = fit.likelihood.total(params)
        except RAISED:  # the user's code may raise anything outside its domain
            continue
        same = abs(nll - fit.nll) <= _THRESHOLDS.unmoved * max(1.0, abs(fit.nll))
        if np.isfinite(nll) and not same:
            return True
    return False


def _describe(values: Floats, error: float) -> tuple[float, float]:
    """Return the skewness, and the ratio of a Hessian SE to the replicates' standard deviation."""
    spread = float(standard_error(values)[0])
    return float(skewness(values)[0]), error / spread if spread > 0 else np.nan


def _slope(scale: Scale, value: float) -> float:
    """Differentiate a scale's forward map at a value."""
    step = 1e-6 * max(abs(value), 1e-300)
    return float((scale.forward(value + step) - scale.forward(value - step)) / (2 * step))
