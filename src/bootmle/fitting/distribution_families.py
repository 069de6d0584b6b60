"""Limits that families of SciPy's distributions are known to have, and the ways that lead there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["FAMILIES", "FamilyLimit", "Path"]

Path = Callable[..., tuple[float, ...]]
"""A curve: from a distance e, and the limit's parameters, to the family's, as e falls to 0."""


@dataclass(frozen=True, slots=True)
class FamilyLimit:
    """A limit: its name, what goes to the ends of its range on the way there, and the ways."""

    name: str
    ends: dict[str, float]  # +1 where it rises, -1 where it falls
    paths: tuple[Path, ...]
    skewed: float = 0.0  # sign of its skewness, 0 where that may be any
    mirrored: bool = False  # whether it is the limit of the values with their signs changed
    held: Mapping[str, float] = field(default_factory=dict)  # its shapes that are fixed
    nearest: float = 0.0  # least distance, beyond which SciPy's density takes long or is lost

    def on(self, path: Path, distance: float, limit: Floats) -> Floats:
        """Return the family's parameters (p,) on a path, at a distance from the limit."""
        with np.errstate(all="ignore"):
            shapes, (loc, scale) = limit[:-2], limit[-2:]
            return np.array(path(distance, *shapes, -loc if self.mirrored else loc, scale))


def _mean_mixture(sign: float) -> tuple[FamilyLimit, ...]:
    """List the limits of the generalized hyperbolic on one side."""
    # X = loc + scale (b D + √D Z), D = GIG(p, g) / g, g² = a² - b²: where b diverges, D is left
    # (Eberlein and von Hammerstein, 2004, Generalized hyperbolic and inverse Gaussian
    # distributions: limiting cases and approximation of processes).
    ends = {"a": 1.0, "b": sign, "scale": -1.0}

    def at(p: float, g: float, b: float, loc: float, scale: float) -> tuple[float, ...]:
        return (p, np.hypot(g, b), sign * b, loc, scale)

    return (
        FamilyLimit(
            "gamma",
            ends,
            (
                lambda e, a, loc, s: at(a, e**0.5, e**-0.5, loc, s * e**1.5 / 2),
                lambda e, a, loc, s: at(a, e, e**0.5, loc, s * e**1.5 / 2),
            ),
            sign,
            sign < 0,
        ),
        FamilyLimit(
            "invgamma",
            ends,
            (
                lambda e, a, loc, s: at(-a, e, e**-0.5, loc, 2 * s * e**0.5),
                lambda e, a, loc, s: at(-a, e**0.5, 1 / e, loc, 2 * s * e),
            ),
            sign,
            sign < 0,
        ),
        FamilyLimit(
            "geninvgauss",
            ends,
            (lambda e, p, b, loc, s: at(p, b, b * e**-0.5, loc, s * e**0.5),),
            sign,
            sign < 0,
        ),
    )


def _normal_inverse_gaussian(sign: float) -> FamilyLimit:
    """Return its limit on one side, as that of the generalized hyperbolic with p = -1/2."""

    def at(e: float, mu: float, loc: float, s: float) -> tuple[float, ...]:
        b = e**-0.5 / mu
        return (np.hypot(1 / mu, b), sign * b, loc, s / b)

    return FamilyLimit("invgauss", {"a": 1.0, "b": sign, "scale": -1.0}, (at,), sign, sign < 0)


def _root_of_gamma(
    ends: dict[str, float], path: Path, sign: float = 1.0, nearest: float = 0.0
) -> FamilyLimit:
    """Return a limit that is 1 / √G, with G a gamma."""
    return FamilyLimit("gengamma", ends, (path,), sign, sign < 0, {"c": -2.0}, nearest)


def _to_lognormal(sign: float) -> Path:
    """Return the way of a gengamma to the lognormal: log X = log scale + log(G) / c."""
    # Stacy and Mihram (1965), Parameter estimation for a generalized gamma distribution.

    def at(e: float, s: float, loc: float, scale: float) -> tuple[float, ...]:
        a, c = 1 / e, sign * e**0.5 / s
        return (a, c, loc, scale * np.exp(-np.log(a) / c))

    return at


FAMILIES: dict[str, tuple[FamilyLimit, ...]] = {
    # F = (χ²(dfn) / dfn) / (χ²(dfd) / dfd).
    "f": (
        FamilyLimit("invgamma", {"dfn": 1.0}, (lambda e, a, m, s: (2 * a / e, 2 * a, m, s / a),)),
        FamilyLimit("gamma", {"dfd": 1.0}, (lambda e, a, m, s: (2 * a, 2 * a / e, m, s * a),)),
        FamilyLimit(
            "norm",
            {"dfn": 1.0, "dfd": 1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, m, s: (1 / e, 1 / e, m - s / e**0.5 / 2, s / e**0.5 / 2),),
        ),
    ),
    # SF = (1 + x^c)^-d; log X = -L / c with a generalized logistic L of shape d.
    "burr12": (
        FamilyLimit(
            "weibull_min",
            {"d": 1.0, "scale": 1.0},
            (lambda e, c, m, s: (c, 1 / e, m, s * e ** (-1 / c)),),
        ),
        FamilyLimit(
            "genlogistic",
            {"c": 1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, d, m, s: (1 / e, d, m - s / e, s / e),),
            mirrored=True,
        ),
    ),
    # CDF = (1 + x^-c)^-d; log X = L / c.
    "burr": (
        FamilyLimit(
            "invweibull",
            {"d": 1.0, "scale": -1.0},
            (lambda e, c, m, s: (c, 1 / e, m, s * e ** (1 / c)),),
        ),
        FamilyLimit(
            "genlogistic",
            {"c": 1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, d, m, s: (1 / e, d, m - s / e, s / e),),
        ),
    ),
    # A Burr with c = s and d = k / s.
    "mielke": (
        FamilyLimit(
            "invweibull",
            {"k": 1.0, "scale": -1.0},
            (lambda e, c, m, s: (c / e, c, m, s * e ** (1 / c)),),
        ),
        FamilyLimit(
            "genlogistic",
            {"k": 1.0, "s": 1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, d, m, s: (d / e, 1 / e, m - s / e, s / e),),
        ),
    ),
    # Beyond a distance of beta it has other tails.
    "crystalball": (FamilyLimit("norm", {"beta": 1.0}, (lambda e, m, s: (1 / e, 2.0, m, s),)),),
    # (a + b log(x / (1 - x))) and (a + b asinh(x)) are normal (Johnson, 1949, Systems of frequency
    # curves generated by methods of translation).
    "johnsonsb": (
        FamilyLimit(
            "norm",
            {"b": 1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, m, s: (0.0, e**-0.5, m - 2 * s * e**-0.5, 4 * s * e**-0.5),),
        ),
        FamilyLimit(
            "lognorm",
            {"a": 1.0, "scale": 1.0},
            (lambda e, s, m, k: (-np.log(e) / s, 1 / s, m, k / e),),
            1.0,
        ),
        FamilyLimit(
            "lognorm",
            {"a": -1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, s, m, k: (np.log(e) / s, 1 / s, m - k / e, k / e),),
            -1.0,
            True,
        ),
    ),
    "johnsonsu": (
        FamilyLimit(
            "norm", {"b": 1.0, "scale": 1.0}, (lambda e, m, s: (0.0, e**-0.5, m, s * e**-0.5),)
        ),
        FamilyLimit(
            "lognorm",
            {"a": -1.0, "scale": -1.0},
            (lambda e, s, m, k: (np.log(e) / s, 1 / s, m, 2 * k * e),),
            1.0,
        ),
        FamilyLimit(
            "lognorm",
            {"a": 1.0, "scale": -1.0},
            (lambda e, s, m, k: (-np.log(e) / s, 1 / s, m, 2 * k * e),),
            -1.0,
            True,
        ),
    ),
    # Student's t with 2a degrees of freedom where a = b (Jones and Faddy, 2003).
    "jf_skew_t": (
        FamilyLimit("norm", {"a": 1.0, "b": 1.0}, (lambda e, m, s: (1 / e, 1 / e, m, s),)),
        _root_of_gamma({"a": 1.0, "scale": -1.0}, lambda e, b, _, m, s: (1 / e, b, m, 2 * s * e)),
        _root_of_gamma(
            {"b": 1.0, "scale": -1.0}, lambda e, a, _, m, s: (a, 1 / e, m, 2 * s * e), -1.0
        ),
    ),
    # (Z + nc) / √(χ²(df) / df); with nc = 1,000 a density of 100 values takes a second.
    "nct": (
        FamilyLimit("norm", {"df": 1.0}, (lambda e, m, s: (1 / e, 0.0, m, s),)),
        *(
            _root_of_gamma(
                {"nc": sign, "scale": -1.0},
                lambda e, a, _, m, s, sign=sign: (2 * a, sign * e**-0.5, m, s * (e / a) ** 0.5),
                sign,
                1e-4,
            )
            for sign in (1.0, -1.0)
        ),
    ),
    "recipinvgauss": (
        FamilyLimit(
            "norm",
            {"mu": -1.0, "loc": -1.0, "scale": -1.0},
            (lambda e, m, s: (e, m - s * e**-0.5, s * e**0.5),),
        ),
    ),
    "rice": (
        FamilyLimit("norm", {"b": 1.0, "loc": -1.0}, (lambda e, m, s: (1 / e, m - s / e, s),)),
    ),
    "ncf": (
        FamilyLimit(
            "invgamma",
            {"dfn": 1.0, "nc": -1.0},
            (lambda e, a, m, s: (2 * a / e, 2 * a, e, m, s / a),),
        ),
        FamilyLimit(
            "ncx2",
            {"dfd": 1.0},
            (lambda e, df, nc, m, s: (df, (df + nc) / e, max(nc, e), m, s * df),),
        ),
        FamilyLimit(
            "norm",
            {"dfn": 1.0, "dfd": 1.0, "nc": -1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, m, s: (1 / e, 1 / e, e, m - s / e**0.5 / 2, s / e**0.5 / 2),),
        ),
    ),
    "ncx2": (
        FamilyLimit(
            "norm",
            {"nc": 1.0, "loc": -1.0, "scale": -1.0},
            (lambda e, m, s: (1.0, 1 / e, m - s / e**0.5 / 2, s * e**0.5 / 2),),
        ),
    ),
    "exponnorm": (
        FamilyLimit("norm", {"K": -1.0}, (lambda e, m, s: (e**0.5, m - s * e**0.5, s),)),
    ),
    "norminvgauss": (
        _normal_inverse_gaussian(1.0),
        _normal_inverse_gaussian(-1.0),
        FamilyLimit(
            "norm", {"a": 1.0, "scale": 1.0}, (lambda e, m, s: (1 / e, 0.0, m, s / e**0.5),)
        ),
        FamilyLimit("cauchy", {"a": -1.0}, (lambda e, m, s: (e, 0.0, m, s),)),
    ),
    "genhyperbolic": (
        FamilyLimit(
            "norm", {"a": 1.0, "scale": 1.0}, (lambda e, m, s: (-0.5, 1 / e, 0.0, m, s / e**0.5),)
        ),
        *_mean_mixture(1.0),
        *_mean_mixture(-1.0),
    ),
    # GIG(p, b) has density proportional to x^(p - 1) exp(-b (x + 1/x) / 2).
    "geninvgauss": (
        FamilyLimit(
            "gamma", {"b": -1.0, "scale": -1.0}, (lambda e, a, m, s: (a, e, m, s * e / 2),)
        ),
        FamilyLimit(
            "invgamma", {"b": -1.0, "scale": 1.0}, (lambda e, a, m, s: (-a, e, m, 2 * s / e),)
        ),
        FamilyLimit(
            "norm",
            {"b": 1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, m, s: (-0.5, 1 / e, m - s / e**0.5, s / e**0.5),),
        ),
    ),
    "gengamma": (
        FamilyLimit("lognorm", {"a": 1.0}, (_to_lognormal(1.0), _to_lognormal(-1.0))),
        FamilyLimit(
            "loggamma",
            {"c": 1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, a, m, s: (a, 1 / e, m - s / e, s / e),),
            -1.0,
        ),
        FamilyLimit(
            "loggamma",
            {"c": -1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, a, m, s: (a, -1 / e, m - s / e, s / e),),
            1.0,
            True,
        ),
    ),
    "powerlognorm": (
        FamilyLimit(
            "powernorm",
            {"s": -1.0, "loc": -1.0, "scale": 1.0},
            (lambda e, c, m, s: (c, e, m - s / e, s / e),),
        ),
    ),
    "dpareto_lognorm": (
        FamilyLimit(
            "lognorm",
            {"a": 1.0, "b": 1.0},
            (
                lambda e, s, m, k: (0.0, s, 1 / (e * s), 1e3 / (e * s), m, k),
                lambda e, s, m, k: (0.0, s, 1e3 / (e * s), 1 / (e * s), m, k),
            ),
        ),
    ),
}
