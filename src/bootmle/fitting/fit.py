"""The verb `fit`, and the Fit it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Never

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import Bounds, OptimizeResult

from bootmle.display import html
from bootmle.display.encoding import printable
from bootmle.display.known_names import refuse_keywords
from bootmle.execution.ahead import points_on
from bootmle.execution.meter import watched_step
from bootmle.execution.parallel import check_n_jobs
from bootmle.execution.progress import shown
from bootmle.execution.threads import computation
from bootmle.fitting.at_optimum import (
    check_automatic,
    check_jac_beside,
    coordinates_at,
    in_user_parameters,
    notes_at,
    probe_at,
    withheld,
)
from bootmle.fitting.description import describe_optimum, read_start, start_of
from bootmle.fitting.fit_text import fit_html, fit_text
from bootmle.fitting.forecast import expected_evaluations
from bootmle.fitting.reading import are_unnamed, named_by_columns, read_by_name_too
from bootmle.fitting.row_derivatives import RowDerivatives
from bootmle.fitting.scipy_searched import ScipySearched
from bootmle.fitting.scores import own_errors, whitened_scores
from bootmle.fitting.search import Search
from bootmle.fitting.several_starts import Optima, check_n_starts, search_again
from bootmle.fitting.working_scales import working_scales
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.contributions import Calls
from bootmle.likelihood.data import as_args
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.parameters import Parameters, read_parameters
from bootmle.likelihood.row_dependence import examine_response, examine_rows
from bootmle.optimization.constraints import read_constraints
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.sandwich import Units

__all__ = ["Fit", "conclude", "fit"]

_INNER = {
    *("args", "base", "changes", "check_data", "check_optimum", "check_repeatable"),
    *("description", "fingerprint", "from_start", "hessian_errors", "influence_functions"),
    *("labels_of_observations", "likelihood", "null_directions", "optimizer", "own_errors"),
    *("probes", "refit", "resampling_notes", "responses", "restored"),
    *("row_derivatives", "rows", "scales", "scipy_end", "scipy_run"),
    *("scipy_stop", "seconds_per_evaluation", "start", "step_sizes", "takes_weights", "whitening"),
    *("why_no_weights", "written_out_args"),
}
"""What a bootstrap asks of a fit, and tab completion leaves out."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Fit(ScipySearched):
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
    optima : Optima or None
        The distinct optima that several starts led to (``n_starts``), and how often each did.
    n_evaluations : int
        Evaluations of the objective, those on parts of the data among them.
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

    optima: Optima | None = field(default=None, repr=False)

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
        likelihood = replace(self.likelihood.simulated(args), calls=Calls())
        return _search(replace(likelihood, parameters=self._parameters_at(start)), self.optimizer)

    def from_start(self, start: Floats) -> Fit:
        """Fit the same data again, from another full parameter vector."""
        parameters = self._parameters_at(start)
        likelihood = replace(self.likelihood, parameters=parameters, calls=Calls())
        return _search(likelihood, self.optimizer)

    def _parameters_at(self, start: Floats) -> Parameters:
        """Return the parameters on the scales that were asked for, with another start."""
        own = self.likelihood.parameters.with_scales(self.scales)
        return replace(own, values=np.where(self.free, start, self.estimate))

    def description(self, seed: int) -> dict[str, Any]:
        """Describe the data, the objective and its parameters in a form that JSON holds."""
        return describe_optimum(self, seed)

    def start(self) -> dict[str, Any]:
        """Describe where refits start in a form that JSON holds."""
        return start_of(self)

    def restored(self, start: Mapping[str, Any]) -> Fit:
        """Start where `start` says, to the last bit; raise ValueError where that is far away."""
        changed = read_start(self, start)
        return replace(self, **changed) if changed else self

    def __str__(self) -> str:
        """Show the estimates, how good the optimum is, and what happened."""
        return printable(fit_text(self))

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        return fit_html(self)

    _repr_pretty_ = html.print_at_prompt

    def __dir__(self) -> list[str]:
        return sorted(set(object.__dir__(self)) - _INNER)


Limits = tuple[float | None, float | None]


def fit(
    fun: Callable[..., Any],
    x0: ArrayLike | Mapping[str, float] | OptimizeResult,
    args: Any = (),
    *,
    method: str | Callable[..., Any] = "BFGS",
    jac: Callable[..., Any] | bool | str | None = None,
    bounds: Bounds | ArrayLike | Sequence[Limits] | Mapping[str, Limits] | None = None,
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
    n_starts: int = 1,
    rng: int | np.random.Generator | None = None,
    n_jobs: int | None = 1,
    progress: bool | None = None,
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
        Arithmetic of pandas is slow: let ``fun`` compute with ``df["x"].to_numpy()``.
    method, bounds, constraints, tol, options
        As in `scipy.optimize.minimize`; bounds may be a mapping from name to (lower, upper). With
        bounds or constraints SciPy chooses the method, unless one other than BFGS is named.
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
    n_starts : int
        Number of starts: x0, and random ones around it, from 1 to 3 √n standard errors away. The
        best certified optimum is returned, and ``optima`` lists all.
    rng : int, Generator or None
        Seed of the random starts.
    n_jobs : int or None
        Workers, as in `bootstrap`, that evaluate the points of finite differences, where that
        saves time, and search from the random starts; results do not depend on it, to the bit.
    progress : bool, optional
        Whether to show a forecast and the evaluations so far, by default on a terminal and in a
        notebook; in a log file a line per minute.

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
        if are_unnamed(x0, names, fixed, transform):
            parameters, note = named_by_columns(fun, as_args(args), parameters)
        rest = (weights, missing, weights_kind)
        likelihood = read_by_name_too(fun, args, jac, vectorized, parameters, rest)
    count, size = check_n_starts(n_starts), likelihood.parameters.free.size
    expected = expected_evaluations(size)
    watched = watched_step("fit", shown(progress), count * expected, check_n_jobs(n_jobs))
    with watched, points_on(n_jobs):
        with likelihood.ahead(expected):
            found = _search(likelihood, optimizer)
        if count > 1:
            found = search_again(found, Fit.from_start, count, rng, n_jobs)
    return replace(found, notes=(*note, *found.notes)) if note else found


def _search(likelihood: Likelihood, optimizer: Optimizer) -> Fit:
    """Search from the parameters' values, and gather what was found."""
    with computation(), likelihood.keeping_values():
        search = Search(likelihood, optimizer)
        search.run()
        return conclude(likelihood, search)


def conclude(likelihood: Likelihood, search: Search) -> Fit:
    """Gather what refits and the user need at the optimum."""
    estimate = search.likelihood.parameters.to_user(search.working)
    likelihood = replace(likelihood, parameters=search.parameters)
    base = search.values_at(estimate)
    likelihood = examine_rows(likelihood, estimate, base, search.step_sizes.slack())
    check_automatic(likelihood, search, estimate)
    information = in_user_parameters(likelihood, search, estimate)
    whitening = coordinates_at(likelihood, search, information, estimate)
    probes = (estimate, *(probe_at(likelihood, whitening, side) for side in (1.0, -1.0)))
    check_jac_beside(likelihood, search, whitening)
    likelihood = examine_response(likelihood, probes, base, search.step_sizes.slack())
    notes = notes_at(likelihood, search, estimate, base)
    scales = tuple(likelihood.parameters.scales)
    information = withheld(information, search)
    # On another scale straight constraints would bend.
    if information.tangent is None and likelihood.has_units:
        inside = search.scipy.inside(whitening.center.size)
        likelihood, whitening = working_scales(likelihood, whitening, base, inside)
    return Fit(
        estimate=estimate,
        names=likelihood.parameters.names,
        nll=float(search.nll),
        status=search.status,
        decrement=search.decrement,
        information=information,
        scipy_stop=search.scipy_stop,
        scipy_run=search.scipy,
        n_evaluations=likelihood.calls.n,
        notes=notes,
        scales=scales,
        likelihood=likelihood,
        whitening=whitening,
        base=base,
        rows=RowDerivatives.from_kept(likelihood, whitening, np.asarray(base)),
        probes=probes,
        step_sizes=search.step_sizes,
        optimizer=search.optimizer,
        seconds_per_evaluation=likelihood.calls.seconds or search.seconds,
    )
