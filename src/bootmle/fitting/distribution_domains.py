"""The parameters of SciPy's distributions: where their values end, and which are fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import scipy

from bootmle.display.text import brief
from bootmle.likelihood.scales import Identity, Log, Logit, Scale

__all__ = ["Domain", "is_discrete", "own_methods", "read_domains", "read_fixed"]

_INSIDE = 2.0
"""Distance of a start from the one end of a domain: a gamma or beta density, say, is smooth at the
end of its support where its shape is 2."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A parameter's name, where its values end, and whether they are whole numbers."""

    name: str
    low: float = -np.inf
    high: float = np.inf
    whole: bool = False
    closed: tuple[bool, bool] = (False, False)

    @property
    def closed_ends(self) -> list[float]:
        """The finite ends that are values of the parameter themselves, as nc = 0 of ncx2 is."""
        ends = zip((self.low, self.high), self.closed, strict=True)
        return [end for end, is_closed in ends if is_closed and np.isfinite(end)]

    @property
    def scale(self) -> Scale:
        """The scale on which the domain has no end."""
        if np.isfinite(self.low):
            return Logit(self.low, self.high) if np.isfinite(self.high) else Log(self.low)
        return Log(self.high, -1) if np.isfinite(self.high) else Identity()

    @property
    def inside(self) -> float:
        """A value inside the domain."""
        if np.isfinite(self.low):
            return (self.low + self.high) / 2 if np.isfinite(self.high) else self.low + _INSIDE
        return self.high - _INSIDE if np.isfinite(self.high) else 0.0

    def holds(self, value: Any) -> bool:
        """Whether the parameter can be fixed at a value."""
        if not isinstance(value, Real) or not np.isfinite(float(value)):
            return False
        whole = float(value).is_integer() or not self.whole
        return whole and self.low <= float(value) <= self.high

    def __str__(self) -> str:
        """Describe the values that the parameter takes."""
        kind = "a whole number" if self.whole else "a finite number"
        return f"{self.name} is {kind} from {self.low:g} to {self.high:g}"


def is_discrete(distribution: Any) -> bool:
    """Whether a distribution has probabilities rather than a density, and no scale."""
    return isinstance(distribution, scipy.stats.rv_discrete)


def own_methods(distribution: Any) -> set[str]:
    """List what a distribution has of its own, rather than of all."""
    general = scipy.stats.rv_continuous.__mro__
    return {
        name for kind in type(distribution).__mro__ if kind not in general for name in vars(kind)
    }


def read_domains(distribution: Any) -> list[Domain]:
    """Read the parameters: shapes, loc, and the scale of a continuous distribution."""
    if not isinstance(distribution, scipy.stats.rv_continuous | scipy.stats.rv_discrete):
        raise TypeError(
            f"distribution: {brief(distribution)}; pass one of scipy.stats without its parameters, "
            f"such as scipy.stats.gamma"
        )
    if is_discrete(distribution):
        return [*_read_shapes(distribution), Domain("loc", whole=True)]
    return [*_read_shapes(distribution), Domain("loc"), Domain("scale", 0.0)]


def _read_shapes(distribution: Any) -> list[Domain]:
    """Read the shapes; a user's own distribution need not say where they end."""
    names = [name.strip() for name in (distribution.shapes or "").split(",") if name.strip()]
    if not hasattr(distribution, "_shape_info"):
        return [Domain(name) for name in names]
    known = {info.name: info for info in distribution._shape_info()}
    if missing := [name for name in names if name not in known]:
        raise TypeError(
            f"distribution: {missing[0]} of {distribution.name} is an array; pass a distribution "
            f"whose parameters are numbers"
        )
    return [_read_shape(distribution, known[name]) for name in names]


def _read_shape(distribution: Any, info: Any) -> Domain:
    """Read what SciPy says of one shape."""
    low, high = (float(end) for end in info.endpoints)
    # SciPy calls n of nbinom whole, though its probabilities are those of any n above 0.
    whole = bool(info.integrality) and distribution.name != "nbinom"
    return Domain(info.name, low, high, whole, tuple(info.inclusive))


def read_fixed(
    distribution: Any, domains: Sequence[Domain], fixed: Mapping[str, Any]
) -> dict[str, float]:
    """Read the parameters to fix, by SciPy's names for them."""
    by_name = {domain.name: domain for domain in domains}
    meant = _keywords(distribution, by_name)
    values = _fixed_by_scipy(distribution)
    for key, value in fixed.items():
        if key not in meant:
            own = ", ".join(f"f{name}=" for name in by_name)
            raise ValueError(
                f"{key}: no parameter of {distribution.name}; those that can be fixed are {own}"
            )
        if not by_name[meant[key]].holds(value):
            raise ValueError(f"{key}: {value!r}; {by_name[meant[key]]}")
        values[meant[key]] = float(value)
    if distribution.name == "dpareto_lognorm" and not {"u", "scale"} & set(values):
        values["u"] = 0.0  # exp(u) multiplies the scale
    for domain in domains:
        if domain.whole and domain.name not in values:
            raise ValueError(f"f{domain.name}: {domain}, which cannot be fitted; pass its value")
    return values


def _fixed_by_scipy(distribution: Any) -> dict[str, float]:
    """Return the parameters that SciPy's own fits do not vary."""
    if is_discrete(distribution):
        return {"loc": 0.0}
    # Rescaled, the same angles are others; the von Mises on a line has ends, and a scale.
    circular = isinstance(distribution, type(scipy.stats.vonmises)) and not np.isfinite(
        distribution.a
    )
    return {"scale": 1.0} if circular else {}


def _keywords(distribution: Any, names: Mapping[str, Domain]) -> dict[str, str]:
    """List SciPy's keywords, f or fix_ before a name, f before a shape's number: to the name."""
    meant = {f"{prefix}{name}": name for name in names for prefix in ("f", "fix_")}
    shapes = list(names)[: distribution.numargs]
    return meant | {f"f{position}": name for position, name in enumerate(shapes)}
