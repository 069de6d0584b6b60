"""Where SciPy stopped, and the information there, which is measured when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.information import Information
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.convergence import observed_information

__all__ = ["OFF", "EndPoint"]

OFF = 1e-2
"""Standard errors between SciPy's point and the optimum beyond which it was not there."""

_NEAR = 3e-3
"""Standard errors within which a point is described by the information measured: a third derivative
of 1 changes it by 0.3%."""


@dataclass(slots=True)
class EndPoint:
    """The point (q,) on the working scale where SciPy stopped, and what is known there."""

    likelihood: Likelihood
    point: Floats
    known: Information | None = None

    @classmethod
    def described(cls, likelihood: Likelihood, point: Floats, found: Information) -> EndPoint:
        """Keep the information that was found if it is that of this point, or near enough."""
        if point.size != found.point.size:  # parameters are held
            return cls(likelihood, point, found)
        away = point - found.point
        near = not float(away @ found.matrix @ away) >= _NEAR**2
        return cls(likelihood, point, found if near else None)

    @property
    def params(self) -> Floats:
        """The full parameter vector (p,) there, on the user's scale."""
        return self.likelihood.parameters.to_user(self.point)

    @property
    def is_saddle(self) -> bool:
        """Whether the nll was seen to fall from there along a direction of negative curvature."""
        return self.known is not None and self.known.definiteness == "indefinite"

    @property
    def information(self) -> Information:
        """The information there."""
        if self.known is None:
            self.known = observed_information(self.likelihood, self.point)
        return self.known
