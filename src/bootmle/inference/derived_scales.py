"""Scales on which derived quantities are studentized: those of shares, and of what is positive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from bootmle.display.text import brief
from bootmle.likelihood.arrays import Floats

__all__ = ["DerivedScales"]

_Map = Callable[[Floats], Floats]


def _probit_slope(values: Floats) -> Floats:
    return np.asarray(np.sqrt(2 * np.pi) * np.exp(ndtri(values) ** 2 / 2))


_MAPS: dict[str, tuple[_Map, _Map, _Map]] = {
    "identity": (np.asarray, np.asarray, np.ones_like),
    "log": (np.log, np.exp, lambda x: np.asarray(1 / x)),
    "logit": (logit, expit, lambda x: np.asarray(1 / (x * (1 - x)))),
    "probit": (ndtri, ndtr, _probit_slope),
}
"""Increasing maps, their inverses and their derivatives, by name."""
_USE = f"use one of {', '.join(_MAPS)}, a list of one for each quantity, or a mapping by name"
_DOMAINS = {"log": "above 0", "logit": "between 0 and 1", "probit": "between 0 and 1"}


@dataclass(frozen=True, slots=True)
class DerivedScales:
    """The scale of each of k quantities, by name."""

    names: tuple[str, ...]

    @classmethod
    def read(cls, transform: Any, labels: Sequence[str], estimate: Floats) -> DerivedScales:
        """Read ``transform``: one scale for all, one for each, or by name."""
        if isinstance(transform, Mapping):
            unknown = [name for name in transform if name not in labels]
            if unknown:
                raise ValueError(
                    f"transform: there is no quantity {unknown[0]!r}; the names are {list(labels)}"
                )
            given = [transform.get(name) for name in labels]
        elif transform is None or isinstance(transform, str):
            given = [transform] * len(labels)
        elif isinstance(transform, Sequence) and not isinstance(transform, bytes):
            given = list(transform)
        else:
            raise ValueError(f"transform: {brief(transform)} is unknown; {_USE}")
        if len(given) != len(labels):
            raise ValueError(
                f"transform: {len(given)} scales for {len(labels)} quantities; pass one for each, "
                f"or a mapping by name"
            )
        scales = cls(tuple(map(_read, given)))
        outside = np.flatnonzero(~np.isfinite(scales.forward(estimate)))
        for j in outside.tolist():
            raise ValueError(
                f"transform: {scales.names[j]!r} is for values {_DOMAINS[scales.names[j]]}, and "
                f"{labels[j]} is {estimate[j]:g}; leave it out for {labels[j]}"
            )
        return scales

    def take(self, chosen: Any) -> DerivedScales:
        """Keep some quantities."""
        return DerivedScales(tuple(np.array(self.names, dtype=object)[chosen].tolist()))

    def forward(self, values: Floats) -> Floats:
        """Map values (..., k) to the scales."""
        return self._mapped(0, values)

    def inverse(self, values: Floats) -> Floats:
        """Map values (..., k) of the scales back."""
        return self._mapped(1, values)

    def slopes(self, values: Floats) -> Floats:
        """Differentiate the scales at values (..., k)."""
        return self._mapped(2, values)

    def _mapped(self, which: int, values: Floats) -> Floats:
        """Apply each quantity's own map; NaN or infinite where there is no value."""
        found, own = np.empty_like(values, dtype=float), np.array(self.names)
        with np.errstate(all="ignore"):
            for name in np.unique(own).tolist():
                found[..., own == name] = _MAPS[name][which](values[..., own == name])
        return found


def _read(entry: Any) -> str:
    """Read one scale."""
    name = "identity" if entry is None else entry.lower() if isinstance(entry, str) else ""
    if name not in _MAPS:
        raise ValueError(f"transform: {brief(entry)} is unknown; {_USE}")
    return name
