"""A fit under the names that other libraries use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bootmle.display.axes import Panels
from bootmle.display.checks import check_flag
from bootmle.display.exports import Summary
from bootmle.display.known_names import refuse_attribute
from bootmle.display.text import data_frame
from bootmle.fitting.optimum import Optimum
from bootmle.fitting.profile_plot import plot_profiles
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.named_params import NamedParams

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["INTERVALS", "FitViews"]

INTERVALS: dict[str, Callable[..., Any]] = {}
"""Intervals of a fit that take no replicates, by name: modules that know plans add theirs."""


@dataclass(frozen=True, slots=True, eq=False)
class FitViews(Optimum):
    """A fit, also under the names of SciPy's, statsmodels' and lmfit's results."""

    @property
    def params(self) -> Floats:
        """`estimate`, as statsmodels calls it, (p,); ``params["name"]`` is one of them."""
        return NamedParams.of(self.estimate, self.names)

    @property
    def x(self) -> Floats:
        """`estimate`, as SciPy calls it, (p,)."""
        return self.estimate

    @property
    def fun(self) -> float:
        """`nll`, as SciPy calls it."""
        return self.nll

    @property
    def llf(self) -> float:
        """The log-likelihood at the estimate, −`nll`, as statsmodels calls it."""
        return -self.nll

    @property
    def bic(self) -> float:
        """Schwarz's information criterion, with log n in place of the 2 of `aic`.

        AttributeError where the observations cannot be counted.
        """
        return float(self.aic + (np.log(self.n) - 2) * (self.aic / 2 - self.nll))

    @property
    def standard_error(self) -> Floats:
        """Standard errors by the Hessian, (p,): a cross-check; report those of `bootstrap`.

        They are wrong where the model is. NaN where none follow from the Hessian, 0 where a
        parameter is fixed.
        """
        return self.hessian_errors

    @property
    def covariance(self) -> Floats:
        """The inverse Hessian, (p, p), with the caution of `standard_error`."""
        inner = self.information.covariance
        if self.status.withheld:
            inner = np.full_like(inner, np.nan)
        full = np.zeros((len(self.names), len(self.names)))
        full[np.ix_(self.free, self.free)] = inner
        return full

    def confidence_interval(
        self,
        method: str = "abc",
        confidence_level: float = 0.95,
        alternative: str = "two-sided",
        *,
        sampling: Any = None,
        derive: Callable[[Any], Any] | None = None,
        refit: bool = True,
    ) -> Any:
        """Compute confidence intervals without any resample.

        Parameters
        ----------
        method : str
            "abc" (DiCiccio and Efron 1992): the endpoints of BCa intervals, from the derivatives of
            the observations' contributions, by the expansion that `bootstrap` uses. "cr1", "cr2"
            and "cr3", of clusters: as of `Bootstrap.confidence_interval`.
        confidence_level, alternative
            As of `Bootstrap.confidence_interval`.
        sampling : plan, optional
            How the data were sampled: `Cases` by default, `Stratified` or `Clustered`.
        derive : callable, optional
            ``derive(params)`` as of `Bootstrap.derive`: intervals of these quantities instead.
        refit : bool
            Whether an ABC endpoint where the expansion is not expected to be within 0.01 standard
            errors is refitted at its weights, which takes a gradient or two. False: no evaluations
            beyond the lattice that all refits share, a warning where an endpoint is expected to be
            off by over 0.1 standard errors, and an error where the expansion has none, as for most
            samples of 20.

        Returns
        -------
        ConfidenceInterval
            With ``low`` and ``high``, (p,) each, and Monte Carlo errors of 0.

        Raises
        ------
        ValueError
            For an unknown method, and without contributions, at a bound, or where a weighted sample
            has no estimate.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import fit
        >>> y = np.random.default_rng(0).exponential(2.0, 400)
        >>> mle = fit(lambda p, y: p[0] + y / np.exp(p[0]), {"log_mean": 0.0}, args=y)
        >>> ends = mle.confidence_interval("abc", 0.9)
        >>> bool(ends.low[0] < mle.estimate[0] < ends.high[0])
        True
        """
        compute = INTERVALS.get(str(method).lower())
        if compute is None:
            raise ValueError(
                f"method: {method!r} is unknown, or takes replicates; use 'abc', 'cr3', or "
                f"bootstrap(mle).confidence_interval({method!r})"
            )
        refits = check_flag("refit", refit)
        return compute(self, confidence_level, alternative, sampling, derive, refits)

    def summary(self) -> Summary:
        """Return what ``print`` shows."""
        return Summary(str(self))

    def plot(
        self,
        names: Sequence[str] | None = None,
        *,
        ax: Axes | Panels | Sequence[Axes] | None = None,
        flags: Mapping[str, Any] | None = None,
    ) -> tuple[Figure, Panels]:
        """Plot each parameter's profile likelihood beside its quadratic approximation.

        The color says whether the approximation, from which the Hessian's standard errors follow,
        is close within two standard errors.

        Parameters
        ----------
        names : sequence of str, optional
            The parameters, in the order wanted; by default all free ones. Each takes about 12
            optimizations over the others.
        ax : Axes or array of Axes, optional
            Where to draw, one for each parameter; by default a new pyplot figure.
        flags : mapping, optional
            What is wrong with the Hessian's standard errors, by the parameter's name, as
            `Crosscheck.hessian_flags`: the color is then that of the flag.

        Returns
        -------
        Figure, array of Axes

        Raises
        ------
        ImportError
            Without matplotlib; pip install "bootmle[plot]".
        ValueError, TypeError
            Where there is no optimum, and for unknown names or another number of Axes.

        Examples
        --------
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> from bootmle import fit
        >>> y = np.random.default_rng(0).exponential(2.0, 30)
        >>> mle = fit(lambda p, y: np.log(p[0]) + y / p[0], {"mean": 1.0}, args=y)
        >>> figure, panels = mle.plot(ax=Figure().subplots())
        >>> panels[0].get_title()
        'mean'
        """
        return plot_profiles(self, names, ax, flags)

    def to_frame(self) -> DataFrame:
        """Return estimates and the Hessian's standard errors as a pandas DataFrame."""
        columns = {"estimate": self.estimate, "hessian_standard_error": self.hessian_errors}
        return data_frame(columns, self.names)

    if not TYPE_CHECKING:
        __getattr__ = refuse_attribute
