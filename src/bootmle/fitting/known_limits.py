"""Which limits a model is known to have."""

from __future__ import annotations

import scipy

from bootmle.fitting.distribution_families import FAMILIES, FamilyLimit
from bootmle.fitting.distribution_ratio import ByRatio
from bootmle.fitting.distribution_starts import Model

__all__ = ["known_ends", "known_limits"]


def known_limits(model: Model) -> tuple[FamilyLimit, ...]:
    """List the known limits of a model: of SciPy's own families, with shapes and scale free."""
    distribution = model.distribution
    family = distribution.family if isinstance(distribution, ByRatio) else distribution
    own = getattr(scipy.stats, family.name or "", None) is family
    known = FAMILIES.get(family.name, ()) if own else ()
    # The double Pareto-lognormal's u is 0, as scale says the same.
    free = {*model.fixed} <= {"loc", "u"} and model.fixed.get("u", 0.0) == 0
    return known if len(model.args) == 1 and free else ()


def known_ends(model: Model) -> set[tuple[str, float]]:
    """List the shapes that diverge on the way to known limits, and to which side."""
    return {end for limit in known_limits(model) for end in limit.ends.items()}
