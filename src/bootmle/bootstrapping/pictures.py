"""A Bootstrap's pictures, and bands around derived curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

from bootmle.bootstrapping.band_plot import plot_band
from bootmle.bootstrapping.bands import Band, band_of
from bootmle.bootstrapping.histograms import plot_histograms
from bootmle.bootstrapping.pairs import plot_pairs
from bootmle.bootstrapping.traces import plot_trace
from bootmle.bootstrapping.views import Views
from bootmle.display.checks import check_choice
from bootmle.fitting.fit import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Pictures"]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures(Views):
    """Replicates of a fit, and their pictures; attributes as of `Spread`."""

    def band(
        self,
        grid: ArrayLike | None = None,
        *,
        confidence_level: float = 0.95,
        method: str = "percentile",
        simultaneous: bool = True,
    ) -> Band:
        """Compute pointwise and simultaneous limits of a curve, or of several on one grid.

        Parameters
        ----------
        grid : (G,) array_like, optional
            Where the curve was computed, by default 0 to G − 1. G is the length of the last axis
            of what the derived function returns.
        confidence_level, method
            Of the pointwise limits, as in `confidence_interval`.
        simultaneous : bool
            Whether to compute limits that hold everywhere together, as `simultaneous` does.

        Returns
        -------
        Band
            With ``grid``, ``estimate``, ``low``, ``high``, ``simultaneous_low`` and
            ``simultaneous_high``, of the curve's shape.

        Raises
        ------
        ValueError
            For a grid of another length, and as of `confidence_interval` and `simultaneous`.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import bootstrap, fit
        >>> y = np.random.default_rng(0).exponential(2.0, 80)
        >>> mle = fit(lambda p, y: p[0] + y / np.exp(p[0]), {"log_mean": 0.0}, args=y)
        >>> grid = np.linspace(0, 5, 50)
        >>> boot = bootstrap(mle, n_resamples=999, rng=0)
        >>> survival = boot.derive(lambda p: np.exp(-grid / np.exp(p[0]))).band(grid)
        >>> survival.low.shape, bool(survival.simultaneous_low[9] < survival.estimate[9])
        ((50,), True)
        """
        return band_of(self, grid, confidence_level, method, simultaneous)

    def plot(
        self,
        kind: str = "histogram",
        *,
        names: Sequence[str] | None = None,
        confidence_level: float = 0.95,
        method: str = "percentile",
        grid: ArrayLike | None = None,
        ax: Axes | NDArray[Any] | Sequence[Axes] | None = None,
    ) -> tuple[Figure, NDArray[Any]]:
        """Plot the replicates, alone or in pairs, their convergence, or a band around a curve.

        Parameters
        ----------
        kind : str
            "histogram": the replicates with the estimate, the interval (shaded) and the normal
            curve implied by the Hessian. "trace": standard error and interval against the number
            of replicates, with bands of ± 2 Monte Carlo standard errors. "pairs": each pair of
            parameters, with lines around 50% and 95% of the replicates and the Hessian's 95%
            ellipse. "band": a derived curve with its limits and a few replicates.
        names : sequence of str, optional
            The parameters to plot, in this order; by default all that are not fixed, of pairs the
            8 most skewed ones.
        confidence_level, method
            As in `confidence_interval`.
        grid : (G,) array_like, optional
            As in `band`.
        ax : Axes or array of Axes, optional
            Where to draw, one for each parameter, pair (k × k) or curve; by default a new pyplot
            figure.

        Returns
        -------
        Figure, array of Axes

        Raises
        ------
        ImportError
            Without matplotlib; pip install "bootmle[plot]".
        ValueError, TypeError
            For an unknown kind, unknown names or another number of Axes, for a trace of samples
            that are not random (`Jackknife`), and if there is no interval.

        Examples
        --------
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).normal(size=50)
        >>> boot = bootstrap(Estimator(np.mean, args=y, names=["mean"]), n_resamples=999, rng=0)
        >>> figure, panels = boot.plot(ax=Figure().subplots())
        >>> panels[0].get_title()
        'mean'
        """
        check_choice("kind", kind, ("histogram", "trace", "pairs", "band"))
        options: dict[str, Any] = {"confidence_level": confidence_level, "method": method}
        if kind == "band":
            if names is not None:
                raise ValueError("names: a band is of a whole curve; derive the part to plot")
            return plot_band(self, self.band(grid, **options), ax)
        if grid is not None:
            raise ValueError(f"grid: {kind!r} has none; use plot('band', grid=...)")
        fit = None if self.derived or not isinstance(self.fit, Fit) else self.fit
        if kind == "pairs":
            return plot_pairs(
                self, ax, names=names, hessian=None if fit is None else fit.covariance
            )
        if kind == "trace":
            return plot_trace(self, ax, names=names, **options)
        errors = None if fit is None else fit.hessian_errors
        return plot_histograms(self, ax, names=names, hessian_errors=errors, **options)
