"""Distributions with a shape that another one bounds, seen in their ratio, which is free of it."""

# |b| < a for the generalized hyperbolic and the normal inverse Gaussian. Where a diverges or
# vanishes, b does with it, and b/a does not.

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bootmle.fitting.distribution_domains import Domain
from bootmle.fitting.distribution_starts import Model
from bootmle.likelihood.arrays import Floats

__all__ = ["ByRatio", "by_ratio"]

_BOUNDED = {"norminvgauss", "genhyperbolic"}


@dataclass(frozen=True, slots=True)
class ByRatio:
    """A distribution in a and b/a; what is asked of it is in those."""

    family: Any
    a: int  # position of a; b is the next

    def own(self, params: Any) -> Floats:
        """Return the distribution's own parameters, of shapes alone or of all."""
        found = np.array(params, dtype=float)
        found[self.a + 1] *= found[self.a]
        return found

    def seen(self, params: Floats) -> Floats:
        """Return parameters with the ratio in place of b."""
        found = params.copy()
        found[self.a + 1] /= found[self.a]
        return found

    def logpdf(self, values: Floats, *params: float) -> Any:
        """Return the log density."""
        return self.family.logpdf(values, *self.own(params))

    def logcdf(self, values: Floats, *params: float) -> Any:
        """Return the log distribution function."""
        return self.family.logcdf(values, *self.own(params))

    def logsf(self, values: Floats, *params: float) -> Any:
        """Return the log survival function."""
        return self.family.logsf(values, *self.own(params))

    def stats(self, *shapes: float, moments: str) -> Any:
        """Return moments."""
        return self.family.stats(*self.own(shapes), moments=moments)


def by_ratio(model: Model) -> Model | None:
    """See a model in the ratio; None where none of its free shapes bounds another one."""
    names = model.names
    if model.distribution.name not in _BOUNDED or {"a", "b"} & set(model.fixed):
        return None
    a = names.index("a")
    domains = (*model.domains[: a + 1], Domain("b/a", -1.0, 1.0), *model.domains[a + 2 :])
    return replace(model, distribution=ByRatio(model.distribution, a), domains=domains)
