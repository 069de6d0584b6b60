"""Fits of SciPy's distributions to data, censored or not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy.stats import CensoredData, rv_continuous, rv_discrete

from bootmle.display.text import brief
from bootmle.fitting.fit import Fit, fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.scales import Identity, Log, Logit, Scale

__all__ = [
    "CensoredDensity",
    "Density",
    "Domain",
    "fit_distribution",
    "is_discrete",
    "read_domains",
    "read_ends",
    "read_fixed",
]


@dataclass(frozen=True, slots=True)
class Domain:
    """A parameter's name, where its values end, and whether they are whole numbers."""

    name: str
    low: float = -np.inf
    high: float = np.inf
    whole: bool = False

    @property
    def scale(self) -> Scale:
        """The scale on which the domain goes on without end."""
        if np.isfinite(self.low):
            return Logit(self.low, self.high) if np.isfinite(self.high) else Log(self.low)
        return Log(self.high, -1) if np.isfinite(self.high) else Identity()

    @property
    def inside(self) -> float:
        """A value inside, where densities are smooth at the ends of their support."""
        if np.isfinite(self.low):
            return (self.low + self.high) / 2 if np.isfinite(self.high) else self.low + 2.0
        return self.high - 2.0 if np.isfinite(self.high) else 0.0

    def holds(self, value: Any) -> bool:
        """Whether the parameter can be held at a value."""
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
    return isinstance(distribution, rv_discrete)


def read_domains(distribution: Any) -> list[Domain]:
    """Read the parameters: shapes, loc, and the scale of a continuous distribution."""
    if not isinstance(distribution, rv_continuous | rv_discrete):
        raise TypeError(
            f"distribution: {brief(distribution)}; pass one of scipy.stats without its parameters, "
            f"such as scipy.stats.gamma"
        )
    if is_discrete(distribution):
        return [*_read_shapes(distribution), Domain("loc", whole=True)]
    return [*_read_shapes(distribution), Domain("loc"), Domain("scale", 0.0)]


def _read_shapes(distribution: Any) -> list[Domain]:
    """Read the shapes; a distribution of the user's own need not tell where they end."""
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
    """Read SciPy's account of one shape."""
    low, high = (float(end) for end in info.endpoints)
    # SciPy calls n of nbinom whole, though its probabilities are those of any n above 0.
    whole = bool(info.integrality) and distribution.name != "nbinom"
    return Domain(info.name, low, high, whole)


def read_fixed(
    distribution: Any, domains: Sequence[Domain], fixed: Mapping[str, Any]
) -> dict[str, float]:
    """Read the parameters to hold, by SciPy's names for them."""
    by_name = {domain.name: domain for domain in domains}
    meant = _keywords(distribution, by_name)
    held = {"loc": 0.0} if is_discrete(distribution) else {}
    for key, value in fixed.items():
        if key not in meant:
            own = ", ".join(f"f{name}=" for name in by_name)
            raise ValueError(
                f"{key}: no parameter of {distribution.name}; those that can be held are {own}"
            )
        if not by_name[meant[key]].holds(value):
            raise ValueError(f"{key}: {value!r}; {by_name[meant[key]]}")
        held[meant[key]] = float(value)
    for domain in domains:
        if domain.whole and domain.name not in held:
            raise ValueError(f"f{domain.name}: {domain}, which cannot be fitted; hold it")
    return held


def _keywords(distribution: Any, names: Mapping[str, Domain]) -> dict[str, str]:
    """List SciPy's keywords, f or fix_ before a name, f before a shape's number: to the name."""
    meant = {f"{prefix}{name}": name for name in names for prefix in ("f", "fix_")}
    shapes = list(names)[: distribution.numargs]
    return meant | {f"f{position}": name for position, name in enumerate(shapes)}


@dataclass(frozen=True, slots=True)
class Density:
    """The negative log density, or log probability, of each value."""

    distribution: Any

    def __call__(self, params: Floats, values: Floats) -> Floats:
        """Return the contributions, (n,)."""
        discrete = hasattr(self.distribution, "logpmf")
        log_density = self.distribution.logpmf if discrete else self.distribution.logpdf
        with np.errstate(all="ignore"):
            return -np.asarray(log_density(values, *params))


@dataclass(frozen=True, slots=True)
class CensoredDensity:
    """The negative log density of values known, and log probability of ranges that hold others."""

    distribution: Any

    def __call__(self, params: Floats, lower: Floats, upper: Floats) -> Floats:
        """Return the contributions, (n,): a known value has equal ends, a censored one its range.

        Klein and Moeschberger (2003), Survival Analysis, eq. 3.5.1.
        """
        known, left, right = lower == upper, lower == -np.inf, upper == np.inf
        values = np.empty(lower.size)
        with np.errstate(all="ignore"):
            for rows, log_chance in (
                (known, lambda low, high: self.distribution.logpdf(high, *params)),
                (left, lambda low, high: self.distribution.logcdf(high, *params)),
                (right, lambda low, high: self.distribution.logsf(low, *params)),
                (~(known | left | right), lambda low, high: self._log_between(params, low, high)),
            ):
                if rows.any():
                    values[rows] = log_chance(lower[rows], upper[rows])
        return -values

    def _log_between(self, params: Floats, low: Floats, high: Floats) -> Floats:
        """Return log(F(high) − F(low)), from the tail in which less is lost."""
        logcdf, logsf = self.distribution.logcdf, self.distribution.logsf
        beyond = logsf(low, *params)
        below = _log_minus(logcdf(high, *params), logcdf(low, *params))
        above = _log_minus(beyond, logsf(high, *params))
        return np.where(beyond < np.log(0.5), above, below)


def _log_minus(larger: Floats, smaller: Floats) -> Floats:
    """Return the logarithm of a difference from the logarithms of its terms."""
    return np.asarray(larger + np.log(-np.expm1(smaller - larger)))


def read_ends(data: CensoredData) -> tuple[Floats, Floats]:
    """Read lower and upper ends: values known, then censored left, right and to intervals."""
    parts: Any = data  # SciPy has no public way to read them
    known, left, right = parts._uncensored, parts._left, parts._right
    low, high = parts._interval.T
    lower = np.concatenate([known, np.full(left.size, -np.inf), right, low])
    upper = np.concatenate([known, left, np.full(right.size, np.inf), high])
    return lower, upper


_STEP = 1e-6
"""Part of the data's range that is next to nothing."""


def fit_distribution(distribution: Any, data: Any, **fixed: float) -> Fit:
    """Fit one of SciPy's distributions to data by maximum likelihood.

    Parameters
    ----------
    distribution : scipy.stats.rv_continuous or rv_discrete
        Such as ``scipy.stats.gamma``; not one with its parameters given.
    data : (n,) array_like or scipy.stats.CensoredData
        The values, one row each. Rows of CensoredData stand in its own order: values known, then
        censored from the left, from the right, and to intervals.
    **fixed
        Parameters to hold, named as SciPy's ``fit`` names them: ``floc=0``, ``fscale=1``, ``fa=2``
        (or ``f0=2``, ``fix_a=2``) for a shape ``a``. ``loc`` of a discrete distribution is held at
        0 unless told otherwise.

    Returns
    -------
    Fit
        Of the shapes by SciPy's names, ``loc`` and ``scale``; refits run on log or logit scales
        where a parameter's domain ends.

    Raises
    ------
    TypeError
        For what is no distribution of this kind, or censored data and a discrete one.
    ValueError
        For a parameter that the distribution does not have, a value outside its domain, a whole
        number (``n`` of a binomial) that is not held, and data that are empty, not finite or
        outside the support.

    Notes
    -----
    The search starts from SciPy's own ``fit``. With ``loc`` free, many likelihoods of a
    distribution that is bounded below have no maximum: hold it where the bound is known.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from bootmle import Parametric, bootstrap
    >>> from bootmle import fit_distribution
    >>> y = stats.gamma.rvs(3.0, scale=20.0, size=100, random_state=np.random.default_rng(0))
    >>> mle = fit_distribution(stats.gamma, y, floc=0)
    >>> mle.names, mle.converged
    (('a', 'loc', 'scale'), True)
    >>> def simulate(params, rng, y):
    ...     return stats.gamma.rvs(*params, size=len(y), random_state=rng)
    >>> boot = bootstrap(mle, sampling=Parametric(simulate), n_resamples=199, rng=0)
    """
    domains = read_domains(distribution)
    held = read_fixed(distribution, domains, fixed)
    args = _read_data(distribution, data)
    nll = Density(distribution) if len(args) == 1 else CensoredDensity(distribution)
    start = _first_finite(nll, args, domains, _starts(distribution, data, domains, held))
    free = [domain for domain in domains if domain.name not in held]
    _check_ends(distribution, args, start, free)
    return fit(
        nll,
        start,
        args,
        method="Nelder-Mead" if is_discrete(distribution) else "BFGS",
        fixed=held,
        transform={domain.name: domain.scale for domain in free},
    )


def _read_data(distribution: Any, data: Any) -> tuple[Floats, ...]:
    """Read the values, or the ends of the ranges that hold censored ones."""
    if isinstance(data, CensoredData):
        if is_discrete(distribution):
            raise TypeError(f"data: CensoredData, and {distribution.name} is discrete; pass values")
        ends = read_ends(data)
        if not ends[0].size:
            raise ValueError("data: there are no values; pass the observations")
        return ends
    try:
        values = np.asarray(data, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"data: {brief(data)}; pass one number for each observation") from None
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"data: shape {values.shape}; pass one number for each observation, (n,)")
    if (wrong := np.flatnonzero(~np.isfinite(values))).size:
        raise ValueError(
            f"data: {values[wrong[0]]} in row {wrong[0]}; leave out what is missing, and pass "
            f"scipy.stats.CensoredData where values are known in part"
        )
    return (values,)


def _starts(
    distribution: Any, data: Any, domains: Sequence[Domain], held: Mapping[str, float]
) -> Iterator[Floats]:
    """List places to start from: SciPy's fits, then a point inside the domain."""
    names = [domain.name for domain in domains]
    keys = {name: f"f{position}" for position, name in enumerate(names[:-2])}
    known = {keys.get(name, f"f{name}"): value for name, value in held.items()}
    methods = [] if is_discrete(distribution) or len(held) == len(names) else ["MLE", "MM"]
    for method in methods[:1] if isinstance(data, CensoredData) else methods:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                yield np.array(distribution.fit(data, method=method, **known), dtype=float)
            except (ValueError, RuntimeError, ArithmeticError):  # no fit, and no start
                continue
    yield np.array([held.get(domain.name, domain.inside) for domain in domains])


def _first_finite(
    nll: Any, args: tuple[Floats, ...], domains: Sequence[Domain], starts: Iterator[Floats]
) -> dict[str, float]:
    """Return the first start at which every observation's likelihood is finite."""
    for start in starts:
        finite = np.isfinite(nll(start, *args))
        if finite.all():
            return dict(zip([domain.name for domain in domains], start.tolist(), strict=True))
    rows = np.flatnonzero(~finite)
    low, high = nll.distribution.support(*start)
    at = ", ".join(f"{domain.name}={value:g}" for domain, value in zip(domains, start, strict=True))
    more = f" (and {rows.size - 1} more)" if rows.size > 1 else ""
    raise ValueError(
        f"data: {args[-1][rows[0]]:g} in row {rows[0]}{more} has a likelihood of 0 or infinity "
        f"where {at}: {nll.distribution.name} then takes values from {low:g} to {high:g}; leave "
        f"others out, or choose a distribution, or what is held, that allows them"
    )


def _check_ends(
    distribution: Any, args: tuple[Floats, ...], start: Mapping[str, float], free: Sequence[Domain]
) -> None:
    """Refuse a free end of the support on the data's own: no smooth maximum lies there."""
    known = args[0] if len(args) == 1 else args[0][args[0] == args[1]]
    if is_discrete(distribution) or not known.size:
        return
    step = _STEP * np.ptp(known)
    moved = {**start, **{domain.name: start[domain.name] + step for domain in free}}
    ends, moved_ends = (distribution.support(*at.values()) for at in (start, moved))
    for end, other, value in zip(ends, moved_ends, (known.min(), known.max()), strict=True):
        if end != other and abs(end - value) <= step:
            raise ValueError(
                f"data: with its parameters free, {distribution.name} ends at the value {value:g} "
                f"itself, which is no smooth maximum; hold what sets that end, such as floc="
            )
