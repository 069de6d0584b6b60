"""The verb `fit`, and the Fit it returns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Never

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import Bounds, OptimizeResult

from bootmle.display import html
from bootmle.display.checks import check_flag
from bootmle.display.known_names import refuse_keywords
from bootmle.execution.threads import computation
from bootmle.fitting.description import describe_optimum, read_start, start_of
from bootmle.fitting.fit_text import fit_html, fit_text
from bootmle.fitting.fit_views import FitViews
from bootmle.fitting.scores import own_errors, whitened_scores
from bootmle.fitting.search import Search
from bootmle.fitting.working_scales import working_scales
from bootmle.likelihood.additivity import beside
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.column_names import names_of_columns
from bootmle.likelihood.data import as_args
from bootmle.likelihood.definiteness import orient
from bootmle.likelihood.information import Information
from bootmle.likelihood.jacobian import check_jac_at
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.named_params import ByName, reads_by_name
from bootmle.likelihood.objective import read_likelihood
from bootmle.likelihood.parameters import Parameters, read_parameters
from bootmle.likelihood.row_dependence import describe_data, examine_response, examine_rows
from bootmle.likelihood.scales import Identity
from bootmle.likelihood.vectorization import check_vectorized
from bootmle.optimization.convergence import observed_information
from bootmle.optimization.optimizer import Optimizer, read_constraints
from bootmle.optimization.sandwich import Units
from bootmle.optimization.whitening import Whitening

__all__ = ["Fit", "fit"]

_INNER = {
    *("args", "base", "changes", "check_data", "check_optimum", "check_repeatable"),
    *("description", "fingerprint", "hessian_errors", "influence_functions"),
    *("labels_of_observations", "likelihood", "null_directions", "optimizer", "own_errors"),
    *("probes", "refit", "resampling_notes", "responses", "restored", "scales"),
    *("seconds_per_evaluation", "start", "step_sizes", "takes_weights", "whitening"),
    *("why_no_weights", "written_out_args"),
}
"""What a bootstrap asks of a fit, and tab completion leaves out."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Fit(FitViews):
    """A maximum-likelihood fit at its certified optimum.

    Attributes
    ----------
    estimate : (p,) array
        The maximum-likelihood estimate, fixed parameters included, in the order of x0.
    names : tuple of str
        The p names.
    nll : float
        The negative log-likelihood at the estimate.
    status : Status
        What became of the fit.
    decrement : float
        Distance from the optimum in standard errors.
    information : Information
        The observed information at the estimate, in the user's free parameters.
    scipy_information : Information or None
        The information at the point where SciPy stopped, where that was not the optimum.
    optimize_result : OptimizeResult
        SciPy's own result; its ``x`` holds the free parameters on the scale they are fitted on.
    n_evaluations : int
        Evaluations of the objective.
    notes : tuple of str
        What happened during the fit.
    scales : tuple of Scale
        The scale of each free parameter that ``transform`` asks for.
    likelihood, whitening, base, step_sizes, optimizer
        What refits start from: the objective with its data, coordinates in standard errors, the
        contributions at the estimate, steps that follow the noise, and SciPy's arguments.
    seconds_per_evaluation : float
        Measured time of one evaluation.
    """

    scipy_information: Information | None = field(repr=False)
    optimize_result: OptimizeResult = field(repr=False)

    def influence_functions(self) -> Floats | None:
        """Return H⁻¹s_i of each observation on the working scale, (N, q); None of a total."""
        scores = whitened_scores(self)
        return None if scores is None else np.asarray(scores @ self.whitening.factor.T)

    def own_errors(self, units: Units | None) -> Floats | None:
        """Compute sandwich standard errors, (p,), from the scores of the units drawn."""
        return None if units is None else own_errors(self, units)

    def refit(self, args: Any, start: Floats) -> Fit:
        """Fit the same model to other data of the same form, from a full parameter vector.

        Raises
        ------
        ValueError
            As of `fit`, and for data of another form. Exceptions of the objective pass through.
        """
        own = self.likelihood.parameters
        values = np.where(self.free, start, self.estimate)
        parameters = replace(own.with_scales(self.scales), values=values)
        likelihood = replace(self.likelihood.simulated(args), parameters=parameters)
        return _search(likelihood, self.optimizer)

    def description(self) -> dict[str, Any]:
        """Describe the data, the objective and its parameters in a form that JSON holds."""
        return describe_optimum(self)

    def start(self) -> dict[str, Any]:
        """Describe where refits start in a form that JSON holds."""
        return start_of(self)

    def restored(self, start: Mapping[str, Any]) -> Fit:
        """Start where `start` says, to the last bit; raise ValueError where that is far away."""
        changed = read_start(self, start)
        return replace(self, **changed) if changed else self

    def __str__(self) -> str:
        """Show the estimates, how good the optimum is, and what happened."""
        return fit_text(self)

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        return fit_html(self)

    _repr_pretty_ = html.print_at_prompt

    def __dir__(self) -> list[str]:
        return sorted(set(object.__dir__(self)) - _INNER)


def fit(
    fun: Callable[..., Any],
    x0: ArrayLike | Mapping[str, float] | OptimizeResult,
    args: Any = (),
    *,
    method: str | Callable[..., Any] = "BFGS",
    jac: Callable[..., Any] | bool | str | None = None,
    bounds: Bounds | ArrayLike | Sequence[tuple[float | None, float | None]] | None = None,
    constraints: Any = (),
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    fixed: Mapping[str, float] | None = None,
    weights: ArrayLike | None = None,
    weights_kind: str = "importance",
    transform: str | Sequence[Any] | Mapping[str, Any] | None = None,
    vectorized: bool = False,
    missing: str = "raise",
    **unknown: Never,
) -> Fit:
    """Fit a model by maximum likelihood, and continue until the optimum is certified.

    Parameters
    ----------
    fun : callable
        ``fun(params, *args)``, the negative log-likelihood: its total, or the n contributions of
        the observations ((n,), (n, 1), a Series), which makes resampling many times faster.
    x0 : array_like, mapping, Series or OptimizeResult
        Start values, (p,); a mapping or Series names the parameters, which ``fun`` may then read as
        ``params["name"]`` too.
    args : tuple or bare argument
        The data: arrays, lists, data frames, series, nested tuples and dicts of them, n rows each.
    method, bounds, constraints, tol, options
        As in `scipy.optimize.minimize`. With bounds or constraints SciPy chooses the method,
        unless one other than BFGS is named.
    jac : callable, True or "jax", optional
        The gradient, (p,), or (n, p) by contribution; True where ``fun`` returns both; "jax" where
        ``fun`` is written in `jax.numpy`, for exact derivatives of every order (extra ``jax``).
    names : sequence of str, optional
        Names of the p parameters; by default those of x0, else the columns of a data frame or a
        design matrix (patsy, formulaic) in ``args`` that the parameters multiply, else x1 … xp.
    fixed : mapping, optional
        Parameters to fix, name to value.
    weights : (n,) array_like, optional
        Weights of the contributions.
    weights_kind : str
        "importance": a row is one observation whatever its weight, and is drawn as one.
        "frequency": whole numbers; a row of weight 7 stands for seven observations, drawn one by
        one, and results are those of the data written out with seven rows. Labels of clusters and
        strata are one for each row, or one for each observation in the order of the rows.
    transform : str, sequence or mapping, optional
        Scales to fit on: "identity", "log", "logit", ("logit", lower, upper), or an object with
        ``forward`` and ``inverse``. Results stay on the user's scale.
    vectorized : bool
        Whether ``fun`` takes k parameter vectors at once, params of shape (p, k), and returns
        (n, k) or (k,), SciPy's convention: a gradient by differences is then one call.
    missing : str
        Rows masked in ``args`` or among the contributions (`numpy.ma`) are missing: "raise" refuses
        them, "drop" leaves them out. NaN is left to the model.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError, TypeError
        For arguments that cannot be used, an objective that is not finite at x0, random, or
        unbounded below. Exceptions of the objective pass through.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import fit
    >>> y = np.random.default_rng(0).normal(3.0, 2.0, 200)
    >>> def nll(params, y):
    ...     mu, log_sigma = params
    ...     return log_sigma + 0.5 * ((y - mu) / np.exp(log_sigma)) ** 2
    >>> mle = fit(nll, {"mu": 0.0, "log_sigma": 0.0}, args=y)
    >>> mle.converged, bool(np.isclose(mle.estimate[0], y.mean()))
    (True, True)
    """
    refuse_keywords(unknown, "fit", fit)
    with computation():
        parameters = read_parameters(x0, names, fixed, bounds, transform)
        optimizer = Optimizer(method, read_constraints(constraints), tol, options)
        optimizer.check(parameters)
        note: tuple[str, ...] = ()
        if _unnamed(x0, names, fixed, transform):
            parameters, note = _named_by_columns(fun, as_args(args), parameters)
        rest = (args, jac, vectorized, parameters, (weights, missing, weights_kind))
        try:
            likelihood = _read(fun, *rest)
        except (IndexError, ValueError) as error:
            if not reads_by_name(error):
                raise
            own = ByName(jac, parameters.names) if callable(jac) else jac
            likelihood = _read(ByName(fun, parameters.names), args, own, *rest[2:])
    found = _search(likelihood, optimizer)
    return replace(found, notes=(*note, *found.notes)) if note else found


def _unnamed(x0: Any, names: Any, fixed: Any, transform: Any) -> bool:
    """Whether no argument names the parameters."""
    own = isinstance(x0, Mapping) or hasattr(x0, "to_numpy")
    return names is None and not (own or fixed or isinstance(transform, Mapping))


def _named_by_columns(
    fun: Callable[..., Any], args: tuple[Any, ...], parameters: Parameters
) -> tuple[Parameters, tuple[str, ...]]:
    """Name the parameters by the columns that they multiply, with a note, where they do."""
    named = names_of_columns(fun, args, parameters.values)
    if named is None:
        return parameters, ()
    own, places = named
    note = f"parameters are named by the columns of {places} that they multiply (names=X.columns)"
    return replace(parameters, names=own), (note,)


def _read(
    fun: Any, args: Any, jac: Any, vectorized: bool, parameters: Parameters, rest: tuple[Any, ...]
) -> Likelihood:
    """Read the objective and its data."""
    if check_flag("vectorized", vectorized):
        fun = check_vectorized(fun, parameters.values, as_args(args), jac)
    weights, missing, kind = rest
    return read_likelihood(fun, args, jac, weights, parameters, missing, kind)


def _search(likelihood: Likelihood, optimizer: Optimizer) -> Fit:
    """Search from the parameters' values, and gather what was found."""
    with computation():
        search = Search(likelihood, optimizer)
        search.run()
        return _conclude(likelihood, search)


def _conclude(likelihood: Likelihood, search: Search) -> Fit:
    """Gather what refits and the user need at the optimum."""
    estimate = search.likelihood.parameters.to_user(search.working)
    likelihood = examine_rows(replace(likelihood, parameters=search.parameters), estimate)
    if likelihood.automatic:  # JAX's gradient of a branch that is not taken can be NaN, or wrong
        check_jac_at(likelihood, estimate)
    started = time.perf_counter()
    base = likelihood.at(estimate)
    seconds = time.perf_counter() - started
    information = _in_user_parameters(likelihood, search, estimate)
    whitening = _coordinates(likelihood, search, information, estimate)
    probes = (estimate, *(_probe(likelihood, whitening, side) for side in (1.0, -1.0)))
    likelihood = examine_response(likelihood, probes, base)
    scales = tuple(likelihood.parameters.scales)
    if search.status.withheld and information.limit is None and information.tangent is None:
        nothing = np.full((information.point.size, 1), np.nan)
        information = replace(information, limit=nothing)
    if information.tangent is None:  # on another scale straight constraints would bend
        likelihood, whitening = working_scales(likelihood, whitening, base)
    return Fit(
        estimate=estimate,
        names=likelihood.parameters.names,
        nll=float(search.nll),
        status=search.status,
        decrement=search.decrement,
        information=information,
        scipy_information=search.scipy_information,
        optimize_result=search.result,
        n_evaluations=search.n_evaluations + 2,
        notes=(*describe_data(likelihood), *search.notes),
        scales=scales,
        likelihood=likelihood,
        whitening=whitening,
        base=base,
        probes=probes,
        step_sizes=search.step_sizes,
        optimizer=search.optimizer,
        seconds_per_evaluation=seconds,
    )


def _in_user_parameters(likelihood: Likelihood, search: Search, estimate: Floats) -> Information:
    """Return the information in all free parameters, on the user's scale."""
    parameters = likelihood.parameters
    plain = all(isinstance(scale, Identity) for scale in parameters.scales)
    if plain and search.likelihood.parameters is parameters:
        return search.information
    unscaled = parameters.with_scales([Identity()] * parameters.free.size)
    information = observed_information(
        replace(likelihood, parameters=unscaled), estimate[parameters.free]
    )
    search.n_evaluations += information.n_evaluations
    found = search.information
    if found.limit is not None:
        slopes = parameters.slopes(search.working)[:, None]
        return replace(information, limit=found.limit * slopes)
    if found.tangent is not None:
        slopes = parameters.slopes(search.working)[:, None]
        null = orient(found.null_directions * slopes)
        kind, tangent = found.definiteness, found.tangent * slopes
        return replace(information, definiteness=kind, null_directions=null, tangent=tangent)
    same = found.point.size == information.point.size
    if same and found.definiteness == "singular" and information.definiteness != "singular":
        # A straight flat direction on the working scale is a curved one here, and harder to detect.
        directions = found.null_directions * parameters.slopes(search.working)[:, None]
        return replace(information, definiteness="singular", null_directions=orient(directions))
    return information


def _coordinates(
    likelihood: Likelihood, search: Search, information: Information, estimate: Floats
) -> Whitening:
    """Return coordinates for all free parameters: the search's, unless it fixed some at bounds."""
    if search.likelihood.parameters is likelihood.parameters:
        return Whitening(search.working, search.whitening.factor)
    matrix = np.nan_to_num(information.matrix)
    user = Whitening.from_curvature(estimate[likelihood.parameters.free], matrix)
    working = likelihood.parameters.to_working(estimate)
    slopes = likelihood.parameters.slopes(working)
    return Whitening(working, user.factor / np.where(slopes == 0, 1.0, slopes)[:, None])


def _probe(likelihood: Likelihood, whitening: Whitening, side: float) -> Floats:
    """Return a point a standard error away in every whitened coordinate."""
    step = side * whitening.factor.sum(axis=1)
    return beside(likelihood.parameters, whitening.center, step)
