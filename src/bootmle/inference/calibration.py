"""What the double bootstrap finds: levels that give intervals their coverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bootmle.inference.order_statistics import (
    SAME_RANK,
    order_quantile,
    order_quantile_mcse,
    sort_replicates,
)
from bootmle.likelihood.arrays import Floats

__all__ = ["Calibration"]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The double bootstrap: levels that give intervals their coverage among the replicates.

    Attributes
    ----------
    below, root : (B, p) arrays
        For each replicate, the share of its own resamples' estimates below the estimate, and the
        share whose distance from the replicate is less than the replicate's from the estimate.
    error : (p,) array
        Error of the expansion that resamples of resamples are solved on, what is left of it after
        its correction by verified ones, in standard errors.
    error_mcse : (p,) array
        Monte Carlo error of that correction.
    refused : (p,) bool array
        Where the error is so large that there is no calibration.
    n_resamples : int
        Resamples of each resample.
    """

    below: Floats
    root: Floats
    error: Floats
    error_mcse: Floats
    refused: NDArray[np.bool_]
    n_resamples: int

    def take(self, columns: Any) -> Calibration:
        """Keep some parameters."""
        return Calibration(
            self.below[:, columns],
            self.root[:, columns],
            self.error[columns],
            self.error_mcse[columns],
            self.refused[columns],
            self.n_resamples,
        )

    def level(self, tail: float, *, upper: bool, root: bool = False) -> tuple[Floats, Floats]:
        """Return the level at which an endpoint leaves out a tail, and its error, (p,) each."""
        # A quantile of the levels among the replicates (Davison and Hinkley 1997, section 5.6). The
        # error of the correction moves a level by the normal density there.
        ordered = sort_replicates(self.root if root else self.below)[int(upper)]
        wanted = 1 - tail if upper else tail
        if (len(ordered) + 1) * tail < 1 - SAME_RANK:
            nothing = np.full(ordered.shape[1], np.nan)
            return nothing, nothing
        found = np.where(self.refused, np.nan, order_quantile(ordered, wanted))
        density = np.exp(-(ndtri(np.clip(found, 1e-12, 1 - 1e-12)) ** 2) / 2) / np.sqrt(2 * np.pi)
        own = order_quantile_mcse(ordered, wanted)
        return found, np.hypot(own, density * self.error_mcse)
