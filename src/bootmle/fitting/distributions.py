"""Fits of SciPy's distributions to data, censored or not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import CensoredData

from bootmle.display.text import brief
from bootmle.execution.threads import computation
from bootmle.fitting.distribution_densities import CensoredDensity, Density, read_ends
from bootmle.fitting.distribution_domains import Domain, is_discrete, read_domains, read_fixed
from bootmle.fitting.fit import Fit, fit
from bootmle.likelihood.arrays import Floats

__all__ = ["fit_distribution"]

_AT_END = 1e-6
"""Largest distance, as a share of the data's range, of an end of the support from an extreme value
that it lies on: far above rounding, far below a gap between observations."""


def fit_distribution(distribution: Any, data: Any, **fixed: float) -> Fit:
    """Fit one of SciPy's distributions to data by maximum likelihood.

    Parameters
    ----------
    distribution : scipy.stats.rv_continuous or rv_discrete
        Such as ``scipy.stats.gamma``; not one with its parameters given.
    data : (n,) array_like or scipy.stats.CensoredData
        The values, one row each. The rows of CensoredData come in its own order: known values,
        then those censored from the left, from the right, and to intervals.
    **fixed
        Parameters to fix, named as SciPy's ``fit`` names them: ``floc=0``, ``fscale=1``, ``fa=2``
        (or ``f0=2``, ``fix_a=2``) for a shape ``a``. ``loc`` of a discrete distribution is fixed
        at 0 unless given.

    Returns
    -------
    Fit
        Its parameters are the shapes by SciPy's names, ``loc`` and ``scale``; refits run on log or
        logit scales where a parameter's domain ends.

    Raises
    ------
    TypeError
        For anything but such a distribution, and for censored data of a discrete one.
    ValueError
        For a parameter that the distribution does not have, a value outside its domain, a whole
        number (``n`` of a binomial) that is not fixed, and data that are empty, not finite or
        outside the support.

    Notes
    -----
    The search starts from SciPy's own ``fit``. With ``loc`` free, many likelihoods of a
    distribution that is bounded below have no maximum: fix it where the bound is known.

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
    values = read_fixed(distribution, domains, fixed)
    args = _read_data(distribution, data)
    nll = Density(distribution) if len(args) == 1 else CensoredDensity(distribution)
    with computation():
        start = _first_finite(nll, args, domains, _starts(distribution, data, domains, values))
    free = [domain for domain in domains if domain.name not in values]
    _check_ends(distribution, args, start, free)
    return fit(
        nll,
        start,
        args,
        method="Nelder-Mead" if is_discrete(distribution) else "BFGS",
        fixed=values,
        transform={domain.name: domain.scale for domain in free},
    )


def _read_data(distribution: Any, data: Any) -> tuple[Floats, ...]:
    """Read the values, or the endpoints of the ranges of censored ones."""
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
    distribution: Any, data: Any, domains: Sequence[Domain], fixed: Mapping[str, float]
) -> Iterator[Floats]:
    """List places to start from: SciPy's fits, then a point inside the domain."""
    names = [domain.name for domain in domains]
    keys = {name: f"f{position}" for position, name in enumerate(names[:-2])}
    known = {keys.get(name, f"f{name}"): value for name, value in fixed.items()}
    methods = [] if is_discrete(distribution) or len(fixed) == len(names) else ["MLE", "MM"]
    for method in methods[:1] if isinstance(data, CensoredData) else methods:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield np.array(distribution.fit(data, method=method, **known), dtype=float)
            except (ValueError, RuntimeError, ArithmeticError):  # no fit, and no start
                continue
    yield np.array([fixed.get(domain.name, domain.inside) for domain in domains])


def _first_finite(
    nll: Density | CensoredDensity,
    args: tuple[Floats, ...],
    domains: Sequence[Domain],
    starts: Iterator[Floats],
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
        f"others out, or choose a distribution, or fixed values, that allow them"
    )


def _check_ends(
    distribution: Any, args: tuple[Floats, ...], start: Mapping[str, float], free: Sequence[Domain]
) -> None:
    """Refuse a free end of the support at an extreme value: no smooth maximum lies there."""
    known = args[0] if len(args) == 1 else args[0][args[0] == args[1]]
    if is_discrete(distribution) or not known.size:
        return
    step = _AT_END * np.ptp(known)
    moved = {**start, **{domain.name: start[domain.name] + step for domain in free}}
    ends, moved_ends = (distribution.support(*at.values()) for at in (start, moved))
    for end, other, value in zip(ends, moved_ends, (known.min(), known.max()), strict=True):
        if end != other and abs(end - value) <= step:
            raise ValueError(
                f"data: with its parameters free, {distribution.name} ends at the value {value:g} "
                f"itself, which is no smooth maximum; fix what sets that end, such as floc="
            )
