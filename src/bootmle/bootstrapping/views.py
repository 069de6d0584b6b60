"""A bootstrap as tables for other programs, and under the names of other libraries."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import numpy as np

from bootmle.bootstrapping.sensitivity import Sensitivity
from bootmle.bootstrapping.summary_text import percentile_ends
from bootmle.display.exports import Summary, as_csv, as_latex, as_markdown
from bootmle.display.known_names import refuse_attribute, refuse_keywords
from bootmle.display.text import brief, data_frame
from bootmle.likelihood.arrays import Floats

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Views"]


@dataclass(frozen=True, slots=True, eq=False)
class Views(Sensitivity):
    """Replicates of a fit, and their tables; attributes as of `Spread`."""

    @property
    def standard_errors(self) -> Floats:
        """`standard_error`, (p,)."""
        return self.standard_error

    def summary(self) -> Summary:
        """Return what ``print`` shows."""
        return Summary(str(self))

    def conf_int(self, alpha: float = 0.05, method: str = "percentile", **unknown: Never) -> Floats:
        """Return both ends of intervals of level 1 − ``alpha``, (p, 2), as statsmodels does.

        Parameters
        ----------
        alpha : float
            Probability outside of the interval, below 0.5.
        method : str
            As of `confidence_interval`.

        Raises
        ------
        ValueError
            As of `confidence_interval`.
        """
        refuse_keywords(unknown, "conf_int", Views.conf_int)
        if isinstance(alpha, str):
            raise ValueError(f"alpha: {alpha!r} is a method; use conf_int(method={alpha!r})")
        if not isinstance(alpha, Real) or not 0 < alpha < 0.5:
            raise ValueError(
                f"alpha: {brief(alpha)} is not between 0 and 0.5; 95% intervals have 0.05"
            )
        bounds = self.confidence_interval(method, 1 - alpha)
        return np.column_stack([bounds.low, bounds.high])

    def to_frame(self, confidence_level: float = 0.95) -> DataFrame:
        """Return estimates, bias, standard errors and percentile intervals as a DataFrame."""
        return data_frame(self._columns(confidence_level), self.names)

    def to_csv(
        self,
        path: str | Path | None = None,
        confidence_level: float = 0.95,
        **unknown: Never,
    ) -> str | None:
        """Write the columns of `to_frame` to a file, or return them as text; without pandas."""
        refuse_keywords(unknown, "to_csv", Views.to_csv)
        return as_csv(self._columns(confidence_level), self.names, path)

    def to_markdown(self, confidence_level: float = 0.95) -> str:
        """Return the columns of `to_frame`, rounded as in print, as a Markdown table."""
        return as_markdown(self._columns(confidence_level), self.names)

    def to_latex(self, confidence_level: float = 0.95) -> str:
        """Return the columns of `to_frame`, rounded as in print, as a LaTeX tabular."""
        return as_latex(self._columns(confidence_level), self.names)

    def to_xarray(self) -> Any:
        """Return the replicates as an xarray Dataset, which ArviZ reads.

        Its variables are ``replicates`` (draw, parameter), ``estimate`` (parameter) and ``status``
        (draw). Derived arrays have dimensions of their own, dim_0 and so on, in place of parameter.
        Failed replicates are NaN.

        Raises
        ------
        ImportError
            Without xarray; pip install "bootmle[xarray]".
        """
        try:
            import xarray
        except ImportError:
            raise ImportError('to_xarray needs xarray: pip install "bootmle[xarray]"') from None
        numbers = np.arange(len(self.data)) if self.numbers is None else self.numbers
        own = tuple(f"dim_{k}" for k in range(len(self.shape))) or ("parameter",)
        shape = self.shape or self.estimate.shape
        return xarray.Dataset(
            {
                "replicates": (("draw", *own), self.replicates.reshape(-1, *shape)),
                "estimate": (own, self.estimate.reshape(shape)),
                "status": (("draw",), self.status),
            },
            coords={"draw": numbers} | ({} if self.shape else {"parameter": list(self.names)}),
            attrs={"sampling": str(self.sampling), "seed": str(self.seed)},
        )

    def _columns(self, confidence_level: float) -> dict[str, Floats]:
        """Compute the columns of every table."""
        low, high = percentile_ends(self, confidence_level)
        if not np.isnan(low).all():  # else there are too few replicates, or all are undefined
            kind = "percentile" if self.supports_quantiles else "normal"
            self.warn_of_missing(kind, (low, high), stacklevel=4)
        return {
            "estimate": self.estimate,
            "bias": self.bias,
            "standard_error": self.standard_error,
            "standard_error_mcse": self.standard_error_mcse,
            "low": low,
            "high": high,
        }

    if not TYPE_CHECKING:
        __getattr__ = refuse_attribute
