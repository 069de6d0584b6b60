"""The kinds of intervals, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bootmle.display.known_names import INTERVALS
from bootmle.inference.abc import ABC
from bootmle.inference.basic import Basic
from bootmle.inference.bca import BCa
from bootmle.inference.calibrated import Calibrated, CalibratedBasic
from bootmle.inference.cluster_robust import CR1, CR2, CR3
from bootmle.inference.intervals import IntervalMethod, Need
from bootmle.inference.mixed import Mixed
from bootmle.inference.normal import Normal
from bootmle.inference.percentile import Percentile
from bootmle.inference.signed_root import SignedRoot, WaldScore
from bootmle.inference.studentized import Studentized

__all__ = ["METHODS", "read_kind", "why_not"]

METHODS: dict[str, type[IntervalMethod]] = {
    kind.name: kind
    for kind in (
        *(Percentile, Basic, Normal, BCa, Studentized, ABC, Calibrated, CalibratedBasic),
        *(CR1, CR2, CR3, SignedRoot, WaldScore),
    )
}
"""Every kind of interval by name; `confidence_interval`, `p_value` and `coverage` read it here."""


def read_kind(method: Any) -> type[IntervalMethod]:
    """Look up a kind by its name, in any case; raise ValueError for any other."""
    kind = METHODS.get(str(method).lower())
    if kind is not None:
        return kind
    if isinstance(method, float):
        raise ValueError(f"method: {method!r} is a level; use confidence_level={method!r}")
    known, kinds = INTERVALS.get(str(method).lower()), ", ".join([*METHODS, Mixed.name])
    use = f"use {known!r}, one" if known else "use one"
    raise ValueError(f"method: {method!r} is unknown; {use} of {kinds}")


def why_not(kind: type[IntervalMethod], lacking: Callable[[Need], str]) -> str:
    """Say why there is no interval of a kind, given why each need is lacking; empty where it is."""
    return next((reason for need in Need if need in kind.needs and (reason := lacking(need))), "")
