"""A fit under the names that other libraries use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bootmle.display.exports import Summary
from bootmle.display.known_names import refuse_attribute
from bootmle.display.text import data_frame
from bootmle.fitting.fit_text import fit_text
from bootmle.fitting.optimum import Optimum
from bootmle.likelihood.arrays import Floats

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["FitViews"]


@dataclass(frozen=True, slots=True, eq=False)
class FitViews(Optimum):
    """A fit, also under the names of SciPy's, statsmodels' and lmfit's results."""

    @property
    def params(self) -> Floats:
        """`estimate`, as statsmodels calls it, (p,)."""
        return self.estimate

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

    def summary(self) -> Summary:
        """Return what ``print`` shows."""
        return Summary(fit_text(self))

    def to_frame(self) -> DataFrame:
        """Return estimates and the Hessian's standard errors as a pandas DataFrame."""
        columns = {"estimate": self.estimate, "hessian_standard_error": self.hessian_errors}
        return data_frame(columns, self.names)

    if not TYPE_CHECKING:
        __getattr__ = refuse_attribute
