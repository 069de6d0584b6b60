"""Fits of SciPy's distributions to data, censored or not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import scipy  # whose stats, a third of the time of importing bootmle, is loaded at its first use

from bootmle.display.text import brief
from bootmle.execution.budget import at_most, budget
from bootmle.execution.threads import computation
from bootmle.fitting.distribution_densities import read_ends
from bootmle.fitting.distribution_domains import is_discrete, read_domains, read_fixed
from bootmle.fitting.distribution_limits import Limit, find_limit
from bootmle.fitting.distribution_starts import (
    End,
    Model,
    candidates,
    end_at_extreme,
    first_finite,
    is_lost,
    read_start,
    starts_inside,
)
from bootmle.fitting.family_limits import find_family_limit
from bootmle.fitting.fit import Fit, conclude, fit
from bootmle.fitting.reading import read_by_name_too
from bootmle.fitting.search import Search
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.parameters import read_parameters
from bootmle.optimization.bounds import scale_ends
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.outcome import SUPREMUM, describe_ends
from bootmle.optimization.whitening import Whitening

__all__ = ["fit_distribution"]

_MOST = 4500
"""Evaluations that a fit's searches may take, about 3 s; of 94 distributions and their own values,
90 ended within 1,800, measured."""

_SOON = 1000
"""Evaluations of a first search: a regular one takes 100 to 300 with four parameters."""

_NO_WORSE = 1e-6
"""Difference in nll that is no loss: 0.001 standard errors off the optimum cost 5e-7."""


_LOST = (
    "no optimum was certified: SciPy's log density is lost in rounding where the search went; the "
    "lowest point before is shown"
)

_BESIDE = 0.1
"""Difference in nll between a start and the end of a range next to it: 0.4 standard errors."""


def fit_distribution(distribution: Any, data: Any, *, start: Any = None, **fixed: float) -> Fit:
    """Fit one of SciPy's distributions to data by maximum likelihood.

    Parameters
    ----------
    distribution : scipy.stats.rv_continuous or rv_discrete
        Such as ``scipy.stats.gamma``; not one with its parameters given.
    data : (n,) array_like or scipy.stats.CensoredData
        The values, one row each. The rows of CensoredData come in its own order: known values,
        then those censored from the left, from the right, and to intervals.
    start : mapping, optional
        Where to start, such as ``{"c": 1, "loc": 100}``; SciPy's own ``fit`` starts the others.
    **fixed
        Parameters to fix, named as SciPy's ``fit`` names them: ``floc=0``, ``fscale=1``, ``fa=2``
        (or ``f0=2``, ``fix_a=2``) for a shape ``a``. Unless given, ``loc`` of a discrete
        distribution is fixed at 0, and ``scale`` of the von Mises at 1, as SciPy's ``fit`` does;
        ``u`` of the double Pareto-lognormal is fixed at 0, since exp(u) multiplies the scale.

    Returns
    -------
    Fit
        Its parameters are the shapes by SciPy's names, ``loc`` and ``scale``; refits run on log or
        logit scales where a parameter's domain ends. A shape whose optimum is the end of its range,
        such as nc = 0 of ncx2, is at a bound. Where a shape is infinite at the optimum, since a
        limit of the family fits best (of the gamma: the normal), the status is NO_FINITE_OPTIMUM,
        and a note names the limit and its estimates.

    Raises
    ------
    TypeError
        For anything but such a distribution, and for censored data of a discrete one.
    ValueError
        For a parameter that the distribution does not have, a value outside its domain, a whole
        number (``n`` of a binomial) that is not fixed, and data that are empty, not finite or
        outside the support; where the support ends at an extreme value with its end free, and no
        maximum inside is found.

    Notes
    -----
    The search starts from SciPy's own ``fit``; where that puts an end of the support onto an
    extreme value, from ends outside of the data. With ``loc`` free, many likelihoods of a
    distribution that is bounded below have no maximum, or none but a local one [1]_: fix it where
    the bound is known.

    References
    ----------
    .. [1] R. L. Smith (1985), Maximum likelihood estimation in a class of nonregular cases,
       Biometrika 72, 67-90.

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
    known = read_start(domains, values, start)
    model = Model(distribution, tuple(domains), values, _read_data(distribution, data))
    with computation(), at_most(_MOST) as given:
        mle = _find(model, data, known, {})
        return replace(mle, n_evaluations=given.spent)


def _find(model: Model, data: Any, known: dict[str, float], limits: dict[Any, Fit]) -> Fit:
    """Find the optimum, or the limit at which the likelihood is highest; given limits' fits."""

    def find(limit: Model) -> Fit:
        key = limit.distribution.name, float(limit.args[0][0])
        if key not in limits:
            limits[key] = _find(limit, limit.args[0], {}, limits)
        return limits[key]

    first = first_finite(model, candidates(model, data, known))
    limit = find_family_limit(model, first, find)
    if limit is not None and not limit.is_infinite:
        first = limit.params
        if (mle := _found_soon(model, first)) is not None:
            return mle
        limit = None
    if limit is None:
        limit = find_limit(model, first)
    if limit is not None and limit.is_infinite:
        return _at_limit(model, limit)
    first = first if limit is None else limit.params
    end = end_at_extreme(model, first)
    if end is not None:
        return _from_inside(model, data, end, bool(known))
    if limit is not None and limit.inner is not None:
        return _inside(model, limit, limit.inner)
    mle = _or_at_closed_end(model, first)
    lost = end_at_extreme(model, mle.estimate) is None and is_lost(model, mle.estimate, True)
    return _lost(model, first) if lost else mle


def _found_soon(model: Model, start: Floats) -> Fit | None:
    """Fit from a start that is lower than the family's limits; None where that takes long."""
    if end_at_extreme(model, start) is not None:
        return None
    try:
        with at_most(_SOON):
            mle = _or_at_closed_end(model, start)
    except ValueError:  # unbounded on the way
        return None
    return mle if mle.converged else None


def _from_inside(model: Model, data: Any, end: End, has_start: bool) -> Fit:
    """Look for an optimum with the end of the support outside of the data; raise without one."""
    for other in starts_inside(model, data, end) if not has_start else ():
        if (given := budget()) is not None and given.is_spent:
            break
        try:
            mle = _fit(model, other)
        except ValueError:  # unbounded on the way to the end of the support
            continue
        if mle.converged and end_at_extreme(model, mle.estimate) is None:
            return mle
    raise ValueError(end.message)


def _lost(model: Model, params: Floats) -> Fit:
    """Stand at the last point whose likelihood is known, where the search went on to rounding."""
    search = _stand_at(model, params)
    search.notes.append(_LOST)
    return conclude(search.likelihood, search)


def _fit(model: Model, start: Floats, bounded: Collection[str] = ()) -> Fit:
    """Fit from a start, on scales where a domain ends, with some parameters bounded instead."""
    return fit(
        model.nll,
        dict(zip(model.names, start.tolist(), strict=True)),
        model.args,
        method="Nelder-Mead" if is_discrete(model.distribution) and not bounded else "BFGS",
        bounds=[(d.low, d.high) if d.name in bounded else (None, None) for d in model.domains],
        fixed=model.fixed,
        transform={d.name: d.scale for d in model.free if d.name not in bounded},
    )


def _at_limit(model: Model, limit: Limit) -> Fit:
    """Report a supremum that the likelihood has where a shape is at an end of its range."""
    search = _stand_at(model, limit.params)
    parameters = search.parameters
    signs = limit.diverging[parameters.free]
    columns = np.flatnonzero(signs)
    ends = scale_ends(parameters, columns, signs[columns])
    where = describe_ends(parameters, columns, ends)
    search.has_no_optimum(f"{SUPREMUM} as {where}{limit.message}", columns)
    return conclude(search.likelihood, search)


def _inside(model: Model, limit: Limit, inner: Fit) -> Fit:
    """Report an optimum that was certified in center and spread in the distribution's own terms."""
    search = _stand_at(model, limit.params)
    search.status, search.decrement = inner.status, inner.decrement
    search.notes = list(inner.notes) if inner.status.failed else []
    if np.isfinite(search.information.matrix).all():
        search.whitening = Whitening.from_curvature(search.working, search.information.matrix)
    return conclude(search.likelihood, search)


def _stand_at(model: Model, params: Floats) -> Search:
    """Return a search that stands at parameters that were found otherwise."""
    start = dict(zip(model.names, params.tolist(), strict=True))
    scales = {domain.name: domain.scale for domain in model.free}
    parameters = read_parameters(start, None, model.fixed, None, scales)
    rest = (None, "raise", "importance")
    likelihood = read_by_name_too(model.nll, model.args, None, False, parameters, rest)
    search = Search(likelihood, Optimizer("BFGS", (), None, None))
    search.stand_at(params)
    return search


def _or_at_closed_end(model: Model, first: Floats) -> Fit:
    """Fit, and look for the optimum at the end of a shape's range, first where it starts beside."""
    ends = [
        (position, end)
        for position, domain in enumerate(model.domains)
        for end in (domain.closed_ends if domain.name not in model.fixed else ())
    ]
    level = model.total(first)
    beside = [each for each in ends if model.total(_moved(first, *each)) < level + _BESIDE]
    for each in beside:
        found = _at_end(model, first, *each)
        if found is not None and found.nll <= level + _NO_WORSE:
            return found
    mle = _fit(model, first)
    for each in ends if not mle.converged else ():
        found = _at_end(model, mle.estimate, *each)
        if found is not None and found.nll <= mle.nll + _NO_WORSE:
            return found
    return mle


def _at_end(model: Model, start: Floats, position: int, end: float) -> Fit | None:
    """Return the optimum at the end of a shape's range; None where that is none."""
    name = model.names[position]
    try:
        others = _with_fixed(model, _moved(start, position, end), name)
        found = _fit(model, others, {name})
    except ValueError:  # no likelihood there, or none with a maximum
        return None
    return found if found.converged else None


def _moved(params: Floats, position: int, value: float) -> Floats:
    """Return parameters (p,) with another value at one position."""
    return np.where(np.arange(params.size) == position, value, params)


def _with_fixed(model: Model, start: Floats, name: str) -> Floats:
    """Fit the others with one parameter fixed where it starts."""
    if len(model.free) == 1:
        return start
    value = float(start[model.names.index(name)])
    return _fit(replace(model, fixed={**model.fixed, name: value}), start).estimate


def _read_data(distribution: Any, data: Any) -> tuple[Floats, ...]:
    """Read the values, or the endpoints of the ranges of censored ones."""
    if isinstance(data, scipy.stats.CensoredData):
        if is_discrete(distribution):
            raise TypeError(f"data: CensoredData, and {distribution.name} is discrete; pass values")
        ends = read_ends(data)
        if not ends[0].size:
            raise ValueError("data: there are no values; pass the observations")
        return ends
    try:
        values = np.asarray(data)
        if values.dtype.kind in "mMV":  # dates would become numbers of days or nanoseconds
            raise TypeError
        values = values.astype(float)
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
