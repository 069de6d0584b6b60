"""Why some ends of intervals are infinite or nan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.choosing import ONE_CLUSTER
from bootmle.bootstrapping.interval_kinds import METHODS
from bootmle.bootstrapping.spread import Spread
from bootmle.inference.intervals import IntervalMethod, Need, PartialMethod
from bootmle.likelihood.arrays import Floats

__all__ = ["describe_missing"]


_PLAIN = frozenset({Need.QUANTILES, Need.JACKKNIFE, Need.LEVELS})
"""Needs of the kinds whose infinite ends are infinite replicates, which a remark counts."""


def describe_missing(
    boot: Spread, kinds: Sequence[str], values: Sequence[Floats], noun: str = "an end"
) -> str:
    """Say which ends, or p-values (p,), are nan or infinite, and why; empty where none is.

    ``kinds`` (p,) names each parameter's. What is said elsewhere is left out: that parameters are
    not identified, that replicates are infinite, and what an interval raises or warns by itself.
    """
    reasons: dict[tuple[str, str], list[str]] = {}
    for j, ends in enumerate(np.transpose(values)):
        lost, kind = bool(np.isnan(ends).any()), METHODS.get(kinds[j])
        if np.isfinite(ends).all() or boot.flat()[j]:
            continue
        itself = noun == "an end" and (kind is None or issubclass(kind, PartialMethod))
        if itself if lost else kind is None or kind.needs <= _PLAIN:
            continue
        what = "nan" if lost else "infinite"
        reasons.setdefault((what, _why(boot, kind, j, lost)), []).append(boot.names[j])
    return "; ".join(
        f"{noun} is {what} for {', '.join(names)}: {why}" for (what, why), names in reasons.items()
    )


def _why(boot: Spread, kind: type[IntervalMethod] | None, j: int, lost: bool) -> str:
    """Say why one parameter has no finite end by a kind."""
    if kind is None:
        return "no interval is recommended for it, for the reason that print shows"
    needs = kind.needs
    if Need.JACKKNIFE in needs:
        return "all its replicates lie on one side of the estimate"
    if Need.LEVELS in needs:
        return "the expansion that resamples of resamples are solved on is too far off for it"
    if Need.CLUSTERS in needs:
        robust = boot.cluster_robust
        rests = robust is not None and bool(robust.rests_on_one()[j])
        return ONE_CLUSTER if rests else "the clusters' scores make no standard error"
    if Need.EXPANSION in needs:
        return "at the weights of the end there is no finite optimum"
    if Need.SCORES in needs:
        return _why_no_score(boot, j)
    if Need.ROOTS in needs and lost:
        return "the profile likelihood is not known at values so far from the estimate"
    if Need.ROOTS in needs:
        return "the profile likelihood does not fall so far"
    if Need.STANDARD_ERRORS in needs:
        return _why_no_error(boot, j)
    where = "value" if boot.derived else "optimum"
    return f"{_count(~np.isfinite(boot.kept()[:, j]))} no finite {where}"


def _why_no_score(boot: Spread, j: int) -> str:
    """Say why there is no wald-score end."""
    scores = boot.own_errors.scores
    if scores is not None and np.isnan(scores[0][:, j]).any():
        return f"{_count(np.isnan(scores[0][:, j]))} no score statistic"
    return "the score statistic is not known at values so far from the estimate"


def _why_no_error(boot: Spread, j: int) -> str:
    """Say why there is no studentized end."""
    data, _, own = boot.with_own_errors()
    if own is None or not np.isfinite(own[j]):
        return "the estimate has no standard error of its own"
    if own[j] == 0:
        return "its own standard error is 0 at the estimate, and the replicates vary"
    errors = data.standard_errors[~data.failed][:, j]
    lacking = ~(np.isfinite(errors) & (errors > 0) & np.isfinite(boot.kept()[:, j]))
    return f"{_count(lacking)} no finite value, or no standard error of their own"


def _count(chosen: NDArray[np.bool_]) -> str:
    """Count replicates that have, or lack, something."""
    count = int(chosen.sum())
    return f"{count:,} of {chosen.size:,} replicates {'has' if count == 1 else 'have'}"
