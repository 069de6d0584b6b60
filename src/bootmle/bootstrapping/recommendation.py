"""Which interval to report, where the percentile interval is likely to under-cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from bootmle.bootstrapping.choosing import (
    LEVEL,
    describe_refusals,
    is_clustered,
    is_studied,
    median_bias,
    off_center,
    why_unreliable,
    withheld,
)
from bootmle.bootstrapping.sensitivity import Sensitivity
from bootmle.inference.bca import BCa, acceleration
from bootmle.inference.cluster_robust import CR3
from bootmle.inference.intervals import Need
from bootmle.inference.mixed import Mixed
from bootmle.inference.signed_root import SignedRoot, WaldScore
from bootmle.likelihood.arrays import Floats

__all__ = ["describe_recommendation", "recommend_interval", "unreliable"]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When another interval than the percentile's is recommended, and which."""

    margin: float = 2.0
    """Replicates that have to lie beyond a predicted end of a BCa interval: its acceleration is
    predicted from the replicates' skewness, which moves the end's level."""
    quick: int = 2000
    """Observations up to which the jackknife is computed for this, on the expansion: seconds."""
    share: float = 0.1
    """Refits of the jackknife over replicates up to which it is computed for this elsewhere."""
    most: float = 1e5
    """Replicates beyond which no number is named."""


_THRESHOLDS = _Thresholds()


def describe_recommendation(boot: Sensitivity) -> str:
    """Say for which parameters no interval is recommended, and which one for the others."""
    # Empty where all have one.
    refused, out = describe_refusals(boot), _without(boot)
    advice = recommend_interval(boot) if refused and not out.all() else ""
    if not advice:
        return refused
    whom = "" if "bca intervals" in advice else f"for {_listed(boot, ~out)} "  # these name them
    return f"{refused}; {whom}{advice}"


def _without(boot: Sensitivity) -> NDArray[np.bool_]:
    """Whether a parameter has no interval to recommend: it is withheld, fixed or flat, (p,)."""
    return withheld(boot) | boot.flat() | np.isin(boot.names, boot.fixed)


def recommend_interval(boot: Sensitivity) -> str:
    """Say which interval to report: the percentile interval, or what serves better here."""
    # The call that it names has finite ends at this number of replicates; else it says how many it
    # takes, and for which parameters fewer do. Empty where there is no interval to recommend;
    # parameters for which none is are left out.
    out = _without(boot)
    if not boot.supports_quantiles or (out.all() and withheld(boot).any()):
        return ""
    kinds = boot.kinds_at_hand()
    if (kinds == CR3.name).any():
        kind = CR3.name if (kinds == CR3.name)[~boot.flat()].all() else Mixed.name
        return f"use confidence_interval({kind!r})"
    for_some = np.isin(("studentized", SignedRoot.name, WaldScore.name), kinds).any()
    if not (((off_center(boot) | (kinds == BCa.name)) & ~out).any() or for_some):
        return "report the percentile interval"
    scored = boot.takes_scores()
    if boot.serves("studentized")[~boot.flat()].all() and not (scored or withheld(boot).any()):
        return "use confidence_interval('studentized')"
    if for_some:
        return "use confidence_interval('recommended')"
    if boot.lacks(Need.JACKKNIFE):
        return ""
    return _recommend_bca(boot)


def unreliable(boot: Sensitivity) -> dict[str, str]:
    """Say for which parameters no interval has the coverage that it claims, and why."""
    # By the simulation study behind the recommendation: of time series and of simulated data there
    # is none.
    if not is_studied(boot):
        return {}
    varies = (boot.standard_error != 0) & ~_without(boot)
    n_units = np.inf if boot.n_units is None else boot.n_units
    reasons = {
        name: why_unreliable(kind, n_units, is_clustered(boot))
        for name, kind, one in zip(boot.names, boot.kinds_at_hand(), varies, strict=True)
        if one
    }
    return {name: reason for name, reason in reasons.items() if reason}


def _recommend_bca(boot: Sensitivity) -> str:
    """Recommend BCa intervals for the parameters that have finite ones at so many replicates."""
    needed, endless = _needed(boot)
    short = (needed > len(boot.data) - boot.n_failed) & ~endless
    chosen = off_center(boot) | (boot.kinds_at_hand() == BCa.name)
    wanted, parts = chosen & ~withheld(boot), []
    if not (short | endless | withheld(boot)).any():
        return "use confidence_interval('bca')"
    if (wanted & ~short & ~endless).any():
        parts.append(f"use bca intervals for {_listed(boot, wanted & ~short & ~endless)}")
    rest = wanted & short if (wanted & short).any() else short
    if rest.any():
        most, what = float(needed[rest].max()), "those" if parts else "bca intervals"
        if most > _THRESHOLDS.most:
            more = "have no end that so skewed replicates can show"
        else:
            more = f"need about {_rounded_up(most):,} replicates (n_resamples)"
        parts.append(f"{what} of {_listed(boot, rest)} {more}")
    if endless.any():
        what = "those" if parts else "bca intervals"
        parts.append(f"{what} of {_listed(boot, endless)} have no finite end")
    return "; ".join(parts)


def _listed(boot: Sensitivity, chosen: NDArray[np.bool_]) -> str:
    """List the names of some parameters."""
    return ", ".join(name for name, one in zip(boot.names, chosen, strict=True) if one)


def _rounded_up(count: float) -> int:
    """Round a number of replicates up to one digit, less 1: 1,999, say."""
    unit = 10.0 ** np.floor(np.log10(count))
    return int(np.ceil(count / unit) * unit) - 1


def _needed(boot: Sensitivity) -> tuple[Floats, NDArray[np.bool_]]:
    """Predict how many replicates BCa intervals need, (p,), and whether more are of no use.

    0 for what does not vary; none helps where infinite replicates reach across an end.
    """
    shift, needed = median_bias(boot), np.zeros(len(boot.names))
    own, margin = _acceleration(boot)
    low, high = boot.ordered()
    below, above = np.mean(low == -np.inf, axis=0), np.mean(high == np.inf, axis=0)
    endless = np.zeros(len(boot.names), dtype=bool)
    for z in (ndtri((1 - LEVEL) / 2), -ndtri((1 - LEVEL) / 2)):
        w = shift + float(z)
        scale = 1 - own * w
        reach = np.where(scale > 0, w / np.where(scale > 0, scale, 1.0), np.copysign(np.inf, w))
        level, tail = ndtr(shift + reach), ndtr(-np.abs(shift + reach))
        endless |= (level < below) | (1 - level < above)
        needed = np.maximum(needed, margin / np.maximum(tail, 1e-12) - 1)
    varies = (boot.standard_error != 0) & ~boot.flat()
    varies &= ~_without(boot)
    return np.where(varies, needed, 0.0), endless & varies


def _acceleration(boot: Sensitivity) -> tuple[Floats, float]:
    """Return the acceleration, (p,), and how many replicates are to lie beyond an end."""
    # The jackknife's where it is quick; else predicted: of a smooth statistic it is a sixth of the
    # skewness of the replicates (Efron 1987).
    fit = boot.fit
    quick = boot.leave_one_out is not None and boot.leave_one_out.is_at_hand
    if fit is not None and not quick:
        weights = fit.likelihood is not None and fit.likelihood.supports_weights
        most = _THRESHOLDS.quick if weights else _THRESHOLDS.share * len(boot.data)
        quick = fit.n <= most
    if quick:
        return acceleration(*boot.jackknife()), 1.0
    return np.nan_to_num(boot.skewness) / 6, _THRESHOLDS.margin
