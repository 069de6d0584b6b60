"""The residual bootstrap: fitted values plus resampled residuals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bootmle.display.checks import check_flag
from bootmle.display.text import brief
from bootmle.execution.raised import describe_raised
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import check_call
from bootmle.likelihood.likelihood import Likelihood
from bootmle.sampling.digests import checksum_simulated
from bootmle.sampling.plan import Plan, Structure
from bootmle.sampling.resample import Resample

__all__ = ["Residual"]

_ROUNDING, _CHANGE = 1e-9, 0.01
"""Differences of the nll that are none: relative to it, whose sums round, and to a rise of 1 within
standard errors, of which a hundredth moves no standard error by over 1%."""
_STEP, _BLIND_STEP = 1e-3, 6e-6
"""Steps of the gradient of fitted values: in standard errors, or about ε^(1/3) of the parameter."""
_ALONE = 1e-9
"""Least 1 − leverage: a row of its own parameter has a residual of 0, whatever it is divided by."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Residual(Plan):
    """Add residuals, drawn with replacement, to the fitted values (Efron 1979, section 7).

    For models of additive errors that are alike: regressions, linear or not, with a normal, t or
    Laplace likelihood. Unlike `Parametric` it takes no distribution of the errors on trust, and
    unlike `Cases` it keeps the covariates; errors of unequal variance it misses. Standard errors of
    a linear model are √((n − p)/n) times the textbook's, as are the residuals' themselves.

    Parameters
    ----------
    predict : callable
        ``predict(params, *args)``: the fitted values of the response, (n,).
    response : int or str
        Where the response is in ``args``: its place, by default the last, or the name of a column
        of a data frame or dict. It may not be censored.
    leverage : bool
        Whether to divide residuals by √(1 − leverage) first, which takes back most of the factor
        √((n − p)/n) (Davison and Hinkley 1997, section 6.2.3). They are centered in any case.

    Raises
    ------
    TypeError, ValueError
        For arguments of another kind; and in `bootstrap`, for fitted values of another shape,
        weighted fits, and an objective that is no function of the response minus ``predict``.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Residual, bootstrap, fit
    >>> rng = np.random.default_rng(0)
    >>> x = np.linspace(0.1, 4.0, 40)
    >>> y = 5.0 * np.exp(-x) + 0.1 * rng.standard_t(5, 40)
    >>> def decay(params, x, y):
    ...     return params[0] * np.exp(-params[1] * x)
    >>> def nll(params, x, y):
    ...     scaled = (y - decay(params, x, y)) / np.exp(params[2])
    ...     return params[2] + scaled**2 / 2
    >>> mle = fit(nll, {"size": 4.0, "rate": 1.0, "log_sigma": -1.0}, (x, y))
    >>> boot = bootstrap(mle, sampling=Residual(decay), n_resamples=199, rng=0)
    >>> bool(0.02 < boot.standard_error[1] < 0.05)
    True
    """

    structure: ClassVar[Structure] = Structure.MODEL

    predict: Callable[..., Any]
    response: int | str = -1
    leverage: bool = False
    fitted: Floats = field(init=False)
    residuals: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Check what can be checked without data."""
        if not callable(self.predict):
            raise TypeError(
                f"predict: {brief(self.predict)} is not callable; pass predict(params, *args)"
            )
        whole = isinstance(self.response, int | np.integer) and not isinstance(self.response, bool)
        if not whole and not isinstance(self.response, str):
            raise TypeError(
                f"response: {brief(self.response)}; pass its place in args, or a column's name"
            )
        check_flag("leverage", self.leverage)
        for name in ("fitted", "residuals"):
            object.__setattr__(self, name, np.empty(0))

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective without data, or with weights."""
        if not likelihood.args:
            raise ValueError(
                "sampling: Residual() puts a new response into args, but the objective holds its "
                "data itself; pass the data in args"
            )
        if likelihood.prior is not None:
            raise ValueError(
                "sampling: Residual() draws errors that are alike, but the fit is weighted; use "
                "Cases() or Parametric"
            )

    def prepared(self, fit: Fit | Estimator) -> Residual:
        """Compute fitted values and residuals; refuse a model whose errors are not additive."""
        args = fit.written_out_args
        check_call("predict", self.predict, args, ("params",))
        response, fitted = _read(args, self.response), self._fitted(fit.estimate, args)
        if response.size != fitted.size:
            raise ValueError(
                f"predict: returned {fitted.size} values for {response.size} of the response; "
                f"return one for each"
            )
        if isinstance(fit, Fit):
            self._check_additive(fit, args, fitted)
        residuals = response - fitted
        if self.leverage:
            free = 1 - self._leverages(fit, args)
            alone = free < _ALONE
            residuals = np.where(alone, 0.0, residuals / np.sqrt(np.where(alone, 1.0, free)))
        plan = replace(self)
        object.__setattr__(plan, "fitted", fitted)
        object.__setattr__(plan, "residuals", residuals - residuals.mean())
        return plan

    def _fitted(self, params: Floats, args: tuple[Any, ...]) -> Floats:
        """Return the fitted values at full parameters, (n,)."""
        try:
            values = np.asarray(self.predict(params.copy(), *args), dtype=float).reshape(-1)
        except Exception as error:
            raise ValueError(f"predict: raised {describe_raised(error)} at {params}") from error
        if not np.isfinite(values).all():
            raise ValueError(f"predict: its values are not finite at {params}")
        return values

    def _check_additive(self, fit: Fit, args: tuple[Any, ...], fitted: Floats) -> None:
        """Refuse an objective that changes where response and fitted values move alike."""
        likelihood, moved = fit.likelihood.written_out(), False
        allowed = _CHANGE + _ROUNDING * abs(fit.nll)
        for j in np.flatnonzero(fit.free & (fit.hessian_errors > 0)):
            there = fit.estimate + fit.hessian_errors[j] * np.eye(len(fit.names))[j]
            shift = self._fitted(there, args) - fitted
            if not shift.any():
                continue
            moved = True
            response = _read(args, self.response) + shift
            data = likelihood.simulated(_replaced(args, self.response, response))
            change = data.total(there) - fit.nll
            if not abs(change) <= allowed:
                raise ValueError(
                    f"sampling: {self!r} needs errors that are additive and alike, but the "
                    f"objective changes by {change:.3g} where the response and predict move alike "
                    f"(with {fit.names[j]}); use Parametric or Cases()"
                )
        if not moved:
            raise ValueError(
                "predict: its values do not change with the parameters; return the fitted values "
                "at params"
            )

    def _leverages(self, fit: Fit | Estimator, args: tuple[Any, ...]) -> Floats:
        """Return the diagonal (n,) of the projection onto the fitted values' gradients."""
        errors, size = fit.hessian_errors, np.maximum(np.abs(fit.estimate), 1e-8)
        steps = np.where(np.isfinite(errors), _STEP * errors, _BLIND_STEP * size)
        slopes = [
            (self._fitted(fit.estimate + step, args) - self._fitted(fit.estimate - step, args))
            / step.max()
            for step in np.diag(np.abs(steps))[fit.free & (steps > 0)]
        ]
        left, values, _ = np.linalg.svd(np.column_stack(slopes), full_matrices=False)
        return np.asarray((left[:, values > _ALONE * values.max()] ** 2).sum(axis=1))

    def simulate(self, params: Floats, rng: np.random.Generator, *args: Any) -> tuple[Any, ...]:
        """Return data with a response of fitted values plus residuals drawn."""
        drawn = self.residuals[rng.integers(self.residuals.size, size=self.residuals.size)]
        return _replaced(args, self.response, self.fitted + drawn)

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Bind the replicate's own random stream."""
        return Resample(n, simulate=partial(_simulated, self, rng))

    @property
    def fixes_size(self) -> bool:
        """No rows are drawn."""
        return False

    def identity(self) -> list[Any]:
        """Return the arguments: fitted values follow from the fit."""
        return [self.predict, self.response, self.leverage]

    def description(self, fit: Fit | Estimator) -> str:
        """Identify the function by what it predicts, too."""
        made = checksum_simulated(self.simulate, fit.estimate, fit.written_out_args)
        return f"{Plan.description(self, fit)} {made}"

    def __repr__(self) -> str:
        """Show the function's name."""
        name = getattr(self.predict, "__name__", type(self.predict).__name__)
        place = "" if self.response == -1 else f", response={self.response!r}"
        return f"Residual({name}{place}{', leverage=True' if self.leverage else ''})"


def _simulated(
    plan: Residual, rng: np.random.Generator, params: Floats, args: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Draw a response, in the order of a resample's arguments."""
    return plan.simulate(params, rng, *args)


def _place(args: tuple[Any, ...], response: int | str) -> int:
    """Find the argument that is the response, or holds it."""
    if isinstance(response, str):
        tables = (isinstance(each, Mapping) or hasattr(each, "columns") for each in args)
        found = [k for k, table in enumerate(tables) if table and response in args[k]]
        if not found:
            raise ValueError(f"response: no data frame or dict in args has a column {response!r}")
        return found[0]
    if not -len(args) <= response < len(args):
        raise ValueError(f"response: place {response} of {len(args)} in args; count from 0")
    if isinstance(args[response], Mapping) or hasattr(args[response], "columns"):
        raise ValueError(
            f"response: args[{response}] is a table; name the column, such as response='y'"
        )
    return response


def _read(args: tuple[Any, ...], response: int | str) -> Floats:
    """Read the response, (n,)."""
    leaf = args[_place(args, response)]
    leaf = leaf[response] if isinstance(response, str) else leaf
    try:
        values = np.asarray(leaf, dtype=float)
    except (TypeError, ValueError):
        values = np.empty((0, 0))
    if values.ndim not in {1, 2} or values.size != len(values) or not values.size:
        raise ValueError(f"response: {brief(leaf)} is not one number for each row")
    return values.reshape(-1)


def _replaced(args: tuple[Any, ...], response: int | str, values: Floats) -> tuple[Any, ...]:
    """Put another response into the data, in the form of the old one."""
    place = _place(args, response)
    leaf: Any = args[place]
    new: Any
    if isinstance(response, str):
        column = _like(leaf[response], values)
        if isinstance(leaf, Mapping):
            new = {**leaf, response: column}
        else:
            new = leaf.copy(deep=False)
            new[response] = column
    else:
        new = _like(leaf, values)
    return tuple(new if k == place % len(args) else each for k, each in enumerate(args))


def _like(leaf: Any, values: NDArray[np.float64]) -> Any:
    """Write values as an array, Series or list, as the old ones."""
    if hasattr(leaf, "iloc"):
        return type(leaf)(values, index=leaf.index, name=leaf.name)
    return values.tolist() if isinstance(leaf, list) else values.reshape(np.shape(leaf))
