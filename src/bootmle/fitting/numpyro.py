"""Fits of NumPyro's models by maximum likelihood: the likelihood of what is observed, no priors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from bootmle.fitting.fit import Fit, fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.compiled import double_precision, numpy_of_jax, require_jax
from bootmle.likelihood.scales import Identity, Log, Logit, Scale

__all__ = ["fit_numpyro"]

_ASIDE = 0.1
"""Start on the unconstrained scale: at a logit of exactly 0 NumPyro's Bernoulli has the gradient −y
in place of 1/2 − y."""


def fit_numpyro(
    model: Callable[..., Any],
    *args: Any,
    start: Mapping[str, Any] | None = None,
    prior: bool = False,
    **kwargs: Any,
) -> Fit:
    """Fit a NumPyro model by maximum likelihood, with JAX's exact derivatives.

    What the model samples without ``obs``, and its ``param`` sites, are the parameters; what it
    observes is the likelihood. Priors only say where a parameter lies: log or logit scales keep it
    there. Of the data those arrays are resampled that have a row for each observation.

    Parameters
    ----------
    model : callable
        With observed values passed as ``obs=``, from its arguments.
    *args, **kwargs
        The model's own arguments: data, and constants of any kind.
    start : mapping, optional
        Start values by site; by default 0.1 on the unconstrained scale.
    prior : bool
        False: an estimate with the prior's influence is none by maximum likelihood.

    Returns
    -------
    Fit
        Parameters are named after their sites, ``beta[0]`` in a vector, and on the sites' scales.

    Raises
    ------
    ImportError
        Without the extra ``numpyro``.
    ValueError
        For ``prior=True``; for discrete parameters; for random effects, whose distributions depend
        on other parameters, and parameters of single observations; for subsampled plates, factors,
        and supports other than the real line, half-lines and intervals: these are not likelihoods
        of independent rows, or have no scale of one parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import bootstrap, fit_numpyro
    >>> def model(x, y=None):  # doctest: +SKIP
    ...     beta = numpyro.sample("beta", dist.Normal(0, 1).expand([2]))
    ...     sigma = numpyro.sample("sigma", dist.HalfNormal(1))
    ...     with numpyro.plate("rows", len(x)):
    ...         numpyro.sample("y", dist.Normal(beta[0] + beta[1] * x, sigma), obs=y)
    >>> mle = fit_numpyro(model, x, y=y)  # doctest: +SKIP
    >>> boot = bootstrap(mle, rng=0)  # doctest: +SKIP
    """
    if prior is not False:
        raise ValueError(
            f"prior: {prior!r}; only False is possible: a prior is not drawn with the rows, and an "
            f"estimate under it is not by maximum likelihood"
        )
    try:
        import_module("numpyro")
    except ImportError as error:
        raise ImportError("fit_numpyro: needs NumPyro; install bootmle[numpyro]") from error
    with double_precision():
        one, other = (_trace(model, args, kwargs, seed) for seed in (0, 1))
        n = _rows(one)
        sites = tuple(_site(name, one[name], other[name], n, one) for name in _latent(one))
    data, constants = _divide(args, kwargs, n)
    objective = _Contributions(model, sites, constants, len(args), n)
    names, values, scales = [], [], []
    for site in sites:
        names += site.names
        values += site.start((start or {}).get(site.name)).tolist()
        scales += [site.scale] * len(site.names)
    _check_start(start or {}, sites)
    given = (data,) if data else ()
    return fit(objective, values, given, jac="jax", names=names, transform=scales)


@dataclass(frozen=True, slots=True)
class _Site:
    """Parameters of one site."""

    name: str
    shape: tuple[int, ...]
    scale: Scale
    initial: Any
    """Of a param site; None for what is sampled."""

    @property
    def names(self) -> list[str]:
        """Name each parameter."""
        if not self.shape:
            return [self.name]
        return [f"{self.name}[{','.join(map(str, at))}]" for at in np.ndindex(self.shape)]

    def start(self, given: Any) -> Floats:
        """Return start values: those given, the site's own, or near 0 if unconstrained."""
        chosen = self.initial if given is None else given
        value = self.scale.inverse(_ASIDE) if chosen is None else chosen
        try:
            return np.broadcast_to(np.asarray(value, dtype=float), self.shape).reshape(-1)
        except (TypeError, ValueError):
            raise ValueError(
                f"start: {self.name!r} is {value!r}; pass numbers of shape {self.shape}"
            ) from None


@dataclass(frozen=True, slots=True, eq=False)
class _Contributions:
    """The negative log-likelihood (n,) of the observed sites, or its total where n is None."""

    model: Callable[..., Any]
    sites: tuple[_Site, ...]
    constants: dict[str, Any]
    n_args: int
    n: int | None

    def __call__(self, params: Any, data: Mapping[str, Any] | None = None) -> Any:
        values, first = {}, 0
        for site in self.sites:
            last = first + len(site.names)
            values[site.name] = params[first:last].reshape(site.shape)
            first = last
        every = {**self.constants, **(data or {})}
        args = [every.pop(str(k)) for k in range(self.n_args)]
        trace = _trace(self.model, args, every, 0, values)
        of_parameters = _parameter_plates(trace)
        by_rows = self.n is not None
        found = [-_log_prob(site, by_rows, of_parameters) for site in _observed(trace)]
        return sum(found[1:], found[0])


def _trace(
    model: Any, args: Iterable[Any], kwargs: Mapping[str, Any], seed: int, values: Any = None
) -> Any:
    """Run the model, with values of its parameters."""
    handlers = import_module("numpyro.handlers")
    seeded = handlers.seed(model, require_jax().random.key(seed))
    if values is None:  # an improper prior has no draws
        seeded = handlers.substitute(seeded, substitute_fn=_drawn_or_feasible)
    else:
        seeded = handlers.substitute(seeded, values)
    return handlers.trace(seeded).get_trace(*args, **kwargs)


def _drawn_or_feasible(site: Any) -> Any:
    """Return a value of a site that cannot be drawn, another one for each seed; else None."""
    improper = import_module("numpyro.distributions").ImproperUniform
    if site["type"] != "sample" or site["is_observed"] or not isinstance(site["fn"], improper):
        return None
    fn, random = site["fn"], require_jax().random
    free = random.normal(site["kwargs"]["rng_key"], fn.batch_shape + fn.event_shape)
    transforms = import_module("numpyro.distributions.transforms")
    return transforms.biject_to(fn.support)(free)


def _observed(trace: Any) -> list[Any]:
    """Return the sites of the likelihood."""
    return [s for s in trace.values() if s["type"] == "sample" and s["is_observed"]]


def _latent(trace: Any) -> list[str]:
    """Name the sites of parameters."""
    return [
        name
        for name, s in trace.items()
        if s["type"] == "param" or (s["type"] == "sample" and not s["is_observed"])
    ]


def _rows(trace: Any) -> int | None:
    """Return the number of observations; None where the likelihood is one total."""
    # Refuses what is no likelihood of rows.
    for name, site in trace.items():
        if site["type"] == "plate" and site["args"][1] not in {None, site["args"][0]}:
            raise ValueError(
                f"model: plate {name!r} is subsampled; remove subsample_size, since every refit "
                f"needs the whole likelihood"
            )
        if site["type"] == "sample" and type(site["fn"]).__name__ == "Unit":
            raise ValueError(
                f"model: {name!r} is a factor, of which nobody knows whether it belongs to the "
                f"likelihood; write it as a distribution with obs=, or use fit(..., jac='jax')"
            )
    observed = _observed(trace)
    if not observed:
        raise ValueError("model: nothing is observed; pass obs= at its likelihood's sites")
    of_parameters = _parameter_plates(trace)
    lengths = {_length(site, of_parameters) for site in observed}
    return lengths.pop() if len(lengths) == 1 else None


def _parameter_plates(trace: Any) -> set[str]:
    """Name the plates of parameters, which are no plates of rows."""
    return {f.name for name in _latent(trace) for f in trace[name].get("cond_indep_stack", ())}


def _row_axis(site: Any, of_parameters: set[str]) -> int | None:
    """Return the axis of a site's rows: its only one, or the last of plates without parameters."""
    shape = tuple(site["fn"].log_prob(site["value"]).shape)
    if len(shape) == 1:
        return -1
    plates = [frame for frame in site["cond_indep_stack"] if -frame.dim <= len(shape)]
    own = [frame.dim for frame in plates if frame.name not in of_parameters]
    every = [frame.dim for frame in plates]
    return max(own or every) if shape and every else None


def _length(site: Any, of_parameters: set[str]) -> int | None:
    """Return the number of observations of a site."""
    axis = _row_axis(site, of_parameters)
    return None if axis is None else int(site["fn"].log_prob(site["value"]).shape[axis])


def _log_prob(site: Any, by_rows: bool, of_parameters: set[str]) -> Any:
    """Return the log-likelihood of each observation (n,), or the total."""
    found = site["fn"].log_prob(site["value"])
    found = found if site["scale"] is None else site["scale"] * found
    if not by_rows:
        return found.sum()
    axis = _row_axis(site, of_parameters)
    assert axis is not None
    return numpy_of_jax().moveaxis(found, axis, -1).reshape(-1, found.shape[axis]).sum(axis=0)


def _site(name: str, one: Any, other: Any, n: int | None, siblings: Any) -> _Site:
    """Read a site of parameters from two runs with other values; refuse what is no parameter."""
    shape = tuple(np.shape(one["value"]))
    if one["type"] == "param":
        constraint = one["kwargs"].get("constraint")
        return _Site(name, shape, _scale(name, constraint), np.asarray(one["value"], dtype=float))
    if name.endswith("_unobserved") and name.removesuffix("_unobserved") in siblings:
        raise ValueError(
            f"model: {name!r} stands for what obs_mask= leaves out; mask the likelihood instead, "
            f"with handlers.mask or the distribution's mask(), or leave those rows out"
        )
    if one["fn"].support.is_discrete:
        raise ValueError(
            f"model: {name!r} is discrete and not observed; sum it out of the likelihood"
        )
    fixed = np.asarray(one["fn"].log_prob(one["value"]))
    if not np.array_equal(fixed, np.asarray(other["fn"].log_prob(one["value"])), equal_nan=True):
        raise ValueError(
            f"model: the distribution of {name!r} depends on other parameters, so that {name!r} is "
            f"a random effect; integrate it out of the likelihood, since its maximum over random "
            f"effects is no estimate"
        )
    if n is not None and any(frame.size == n for frame in one["cond_indep_stack"]):
        raise ValueError(f"model: {name!r} is a parameter of every single observation")
    return _Site(name, shape, _scale(name, one["fn"].support), None)


def _scale(name: str, support: Any) -> Scale:
    """Return the scale on which a parameter of some support is free."""
    constraints = import_module("numpyro.distributions.constraints")
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    if support is None or isinstance(support, type(constraints.real)):
        return Identity()
    low, high = (getattr(support, f"{side}_bound", None) for side in ("lower", "upper"))
    ends = [None if end is None else np.asarray(end, dtype=float) for end in (low, high)]
    if ends != [None, None] and all(end is None or end.ndim == 0 for end in ends):
        lower, upper = (None if end is None else float(end) for end in ends)
        if lower is None and upper is not None:
            return Log(upper, -1)
        if upper is None and lower is not None:
            return Log(lower)
        if lower is not None and upper is not None:
            return Logit(lower, upper)
    raise ValueError(
        f"model: {name!r} has the support {support}; only the real line, half-lines and intervals "
        f"with fixed ends are possible, so write it in parameters that lie there"
    )


def _divide(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], n: int | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide the arguments into data with n rows, and constants; by name, or place."""
    every = {**{str(k): each for k, each in enumerate(args)}, **kwargs}
    rows = {name: np.shape(each)[0] for name, each in every.items() if np.ndim(each) > 0}
    count = n if n is not None else next(iter(rows.values()), None)
    data = {name: each for name, each in every.items() if rows.get(name) == count}
    return data, {name: each for name, each in every.items() if name not in data}


def _check_start(start: Mapping[str, Any], sites: tuple[_Site, ...]) -> None:
    """Refuse start values of sites that there are not."""
    known = [site.name for site in sites]
    unknown = sorted(set(start) - set(known))
    if unknown:
        raise ValueError(f"start: {unknown[0]!r} is no site of parameters; there are {known}")
