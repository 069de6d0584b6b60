"""Fits of statsmodels' models: likelihood by observation, start, names and weights of a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bootmle.fitting.fit import Fit, fit
from bootmle.fitting.statsmodels_likelihoods import (
    GeneralizedLinear,
    Groups,
    Hurdle,
    LogLike,
    LogLikeObs,
    StateSpace,
    adds_up,
    onto_bounds,
    read_ranges,
)
from bootmle.fitting.statsmodels_refusals import (
    kinds_of,
    model_of,
    params_of,
    without_likelihood,
)
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.response import Rows
from bootmle.likelihood.row_dependence import describe_data

__all__ = ["fit_statsmodels"]

_BY_DIFFERENCES = {
    "GenericLikelihoodModel",
    "NegativeBinomial",
    "MLEModel",
    "MarkovSwitching",
}
"""Classes whose score_obs takes differences, which costs more evaluations than it saves."""

_BY_GROUP = "contributions are those of the groups, which a bootstrap resamples whole"
_TOTAL = (
    "the model gives the total of its log-likelihood alone (loglike), so that nothing can be "
    "resampled: define loglikeobs, or bootstrap an Estimator that does the whole fit"
)

_PROFILED = "where the dispersion is that of maximum likelihood; nll has results.scale"

_SAME_LEVEL = 1e-6
"""Relative difference of log-likelihoods that is none."""

_AWAY = 0.01
"""Standard errors from statsmodels' estimate to the optimum that are worth a note: fewer change no
digit that is reported."""


def fit_statsmodels(results: Any) -> Fit:
    """Take over a model that statsmodels has fitted, for `bootstrap` and `crosscheck`.

    Parameters
    ----------
    results : statsmodels results
        What ``fit()`` of a discrete model (Logit, Probit, MNLogit, Poisson, the negative binomials,
        GeneralizedPoisson, the zero-inflated, truncated, hurdle and conditional ones), of a GLM, an
        OrderedModel, a BetaModel, a state-space or Markov switching model, or of any
        GenericLikelihoodModel returned. Formulas, arrays and data frames alike: names are
        statsmodels' own, those of MNLogit "category:name".

    Returns
    -------
    Fit
        At the certified optimum, found from ``results.params``. A dispersion that statsmodels
        estimates apart (of a normal or gamma GLM, or by ``scale="X2"``) is fixed at
        ``results.scale``, on which the estimates do not depend. ``freq_weights`` of a GLM are
        frequency weights of `fit`: a row of weight 4 is drawn as four observations. Its
        ``var_weights`` are importance weights, part of the density of one observation; with both,
        a row stands for several observations of that density.

    Raises
    ------
    TypeError
        For anything but the result of a fit, for a model without a likelihood in its parameters,
        such as OLS, and for MixedLM, ETSModel, RecursiveLS and DynamicFactorMQ; the message says
        what to do instead.
    ValueError
        For a fit that was constrained or penalized, or whose estimate has no finite likelihood, for
        results without their data (``remove_data``), and for fractional ``freq_weights``.

    Notes
    -----
    The model holds its data, so resamples act through weights of its rows, those left after
    ``missing="drop"``: labels for `Clustered` or `Stratified` must be of these rows, and
    `Parametric` cannot be used. Rows drawn zero times are evaluated too, which costs less than a
    new model for each resample. Contributions of models in ``statsmodels.tsa`` depend on earlier
    rows: use `Blocks`. Those of conditional models are their groups'. Parameters stay in the range
    of the model's own ``transform_params``: a variance of 0 is at its bound. A model with its total
    alone (``loglike`` without ``loglikeobs``) is fitted, but nothing of it can be resampled.

    Mixed models are bootstrapped by their whole fit, here with data ``y``, ``X``, ``groups``::

        estimator = Estimator(
            lambda y, X, groups: sm.MixedLM(y, X, groups).fit().params, (y, X, groups)
        )
        bootstrap(estimator, sampling=Clustered(groups))

    Examples
    --------
    >>> import numpy as np
    >>> import statsmodels.api as sm
    >>> from bootmle import bootstrap
    >>> from bootmle import fit_statsmodels
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=200)
    >>> y = rng.poisson(np.exp(0.5 + 0.3 * x))
    >>> results = sm.Poisson(y, sm.add_constant(x)).fit(disp=0)
    >>> mle = fit_statsmodels(results)
    >>> mle.names, bool(np.allclose(mle.information.standard_errors, results.bse))
    (('const', 'x1'), True)
    >>> boot = bootstrap(mle, n_resamples=199, rng=0)
    """
    model = model_of(results)
    found = params_of(results, model)
    observed = _observe(model, results, found)
    notes = [observed.note] if observed.note else []
    notes += _compare_level(observed, results, found)
    mle, more = _fit_checked(model, observed, found)
    if observed.inside is not None and not mle.converged:
        mle = _fit(model, replace(observed, contributions=observed.inside), found)
    return _with_note(_with_rows(mle, model, [*notes, *more]), found)


@dataclass(frozen=True, slots=True)
class Observed:
    """A model's contributions, and what else `fit` is told of it."""

    contributions: Callable[[Floats], Any]
    scores: Callable[[Floats], Floats] | None = None
    weights: Floats | None = None
    bounds: Floats | None = None
    fixed: Mapping[str, float] | None = None
    note: str = ""
    llf: str = "and this likelihood is another one: what else does llf contain?"
    """Why statsmodels may state another value."""
    inside: Callable[[Floats], Any] | None = None
    """The contributions inside of all ranges, where a search went astray outside."""


def _compare_level(observed: Observed, results: Any, found: Floats) -> list[str]:
    """Refuse an estimate without a likelihood; note where statsmodels states another one."""
    weights = 1.0 if observed.weights is None else observed.weights
    nll = float(np.sum(weights * observed.contributions(found)))
    if not np.isfinite(nll):
        raise ValueError(
            f"results: the log-likelihood at statsmodels' estimate is {-nll}, since its fit did "
            f"not converge; fit again from other start_params, or by another method"
        )
    stated = float(getattr(results, "llf", np.nan))
    if not abs(stated + nll) > _SAME_LEVEL * max(1.0, abs(nll)):
        return []
    return [f"statsmodels states a log-likelihood of {stated:.10g} at its estimate, {observed.llf}"]


def _fit_checked(model: Any, observed: Observed, found: Floats) -> tuple[Fit, list[str]]:
    """Fit with the model's scores, or without them, and a note, where they are no gradient."""
    try:
        return _fit(model, observed, found), []
    except ValueError as error:
        if observed.scores is None or not str(error).startswith("jac:"):
            raise
    wrong = "is not the gradient of its log-likelihood, from which this fit takes differences"
    mle = _fit(model, replace(observed, scores=None), found)
    return mle, [f"the score_obs of {type(model).__name__} {wrong}"]


def _fit(model: Any, observed: Observed, found: Floats) -> Fit:
    """Fit from statsmodels' estimate."""
    return fit(
        observed.contributions,
        onto_bounds(observed.contributions, found, observed.bounds),
        jac=observed.scores,
        bounds=observed.bounds,
        names=_names(model, found.size),
        fixed=observed.fixed,
        weights=observed.weights,
        weights_kind="importance" if observed.weights is None else "frequency",
    )


def _observe(model: Any, results: Any, start: Floats) -> Observed:
    """Find the model's log-likelihood: by observation, by group, or the total."""
    if "GLM" in kinds_of(model):
        glm = GeneralizedLinear(model, float(results.scale))
        return Observed(glm.contributions, glm.scores, glm.weights, llf=_PROFILED)
    if "_ConditionalModel" in kinds_of(model):
        groups = Groups(model, np.shape(results.params))
        return Observed(groups.contributions, groups.scores, note=_BY_GROUP)
    if "HurdleCountModel" in kinds_of(model):
        return Observed(Hurdle(model).contributions)
    if "RegressionModel" not in kinds_of(model):
        if adds_up(model, start):
            return _by_observation(model, results, start)
        if _has_total(model, results, start):
            return Observed(LogLike(model).contributions, note=_TOTAL)
    raise without_likelihood(model)


def _by_observation(model: Any, results: Any, start: Floats) -> Observed:
    """Take over a model with loglikeobs, its bounds and fixed parameters."""
    if not hasattr(model, "transform_params"):
        observed = LogLikeObs(model)
        return Observed(observed.contributions, observed.scores if _has_scores(model) else None)
    ranges = read_ranges(model, start.size)
    bounds, fixed = ranges.bounds, _fixed(results)
    if "MLEModel" not in kinds_of(model):
        return Observed(LogLikeObs(model).contributions, bounds=bounds, fixed=fixed)
    inside = StateSpace(model, True, ranges.stationary).contributions
    if ranges.closed:
        return Observed(inside, bounds=bounds, fixed=fixed)
    everywhere = StateSpace(model, False, ranges.stationary).contributions
    return Observed(everywhere, bounds=bounds, fixed=fixed, inside=inside)


def _fixed(results: Any) -> Mapping[str, float] | None:
    """Read the parameters that fix_params fixed."""
    return getattr(results, "_fixed_params", None) or None


def _has_total(model: Any, results: Any, start: Floats) -> bool:
    """Whether ``loglike`` gives the value that the result states."""
    try:
        return bool(np.isclose(float(model.loglike(start)), float(results.llf), equal_nan=True))
    except (AttributeError, NotImplementedError):
        return False


def _has_scores(model: Any) -> bool:
    """Whether the model's class has gradients by observation in closed form."""
    owners = [kind.__name__ for kind in type(model).__mro__ if "score_obs" in vars(kind)]
    return bool(owners) and owners[0] not in _BY_DIFFERENCES


def _names(model: Any, size: int) -> list[str] | None:
    """Read the parameters' names, in the order of the flattened estimates."""
    if "ConditionalMNLogit" in kinds_of(model):
        return [f"{k}:{name}" for k in range(1, model.k_cat) for name in model.exog_names]
    labels = getattr(getattr(model, "data", None), "cov_names", None)
    if labels is None or len(labels) != size:
        return None
    return [":".join(map(str, label)) if isinstance(label, tuple) else label for label in labels]


def _with_rows(mle: Fit, model: Any, own: list[str]) -> Fit:
    """Say how contributions depend on rows, which fit cannot see where a model holds its data."""
    unseen = describe_data(mle.likelihood, mle.estimate)
    notes = (*own, *(said for said in mle.notes if said not in unseen))
    ordered = "TimeSeriesModel" in kinds_of(model)
    rows = Rows.ORDERED if ordered else mle.likelihood.rows
    return replace(mle, notes=notes, likelihood=replace(mle.likelihood, rows=rows))


def _with_note(mle: Fit, start: Floats) -> Fit:
    """Note where statsmodels' estimate is not the optimum."""
    gap = (mle.estimate - start)[mle.free]
    distance = float(np.sqrt(np.maximum(gap @ mle.information.matrix @ gap, 0.0)))
    if not (mle.converged and distance > _AWAY):
        return mle
    note = f"statsmodels' estimate is {distance:.2g} standard errors from this optimum"
    return replace(mle, notes=(note, *mle.notes))
