"""P-values and simultaneous intervals, from the replicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from bootmle.bootstrapping.arguments import read_values
from bootmle.bootstrapping.interval_methods import Inference
from bootmle.inference.intervals import ConfidenceInterval, Need
from bootmle.inference.p_values import p_values
from bootmle.inference.simultaneous import simultaneous_interval
from bootmle.likelihood.arrays import Floats

__all__ = ["Hypotheses"]


@dataclass(frozen=True, slots=True, eq=False)
class Hypotheses(Inference):
    """Replicates of a fit, p-values and simultaneous intervals; attributes as of `Spread`."""

    def p_value(
        self,
        null: ArrayLike | Mapping[str, float] = 0.0,
        method: str = "percentile",
        alternative: str = "two-sided",
    ) -> Floats:
        """Compute p-values by inverting an interval: the interval of level 1 − p ends at ``null``.

        Parameters
        ----------
        null : float, (p,) array_like or mapping
            The values tested. A mapping or Series goes by name, and may leave parameters out.
        method, alternative : str
            As of `confidence_interval`: "less" has the alternative that the parameter is less than
            ``null``.

        Returns
        -------
        (p,) array
            At least what B replicates can show, 1/(B + 1) on one side and 2/(B + 1) on two, except
            for normal intervals; NaN for parameters that have no interval or are left out.

        Raises
        ------
        ValueError
            For an unknown method, one that these replicates do not have, or null values of another
            number.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).normal(size=50)
        >>> boot = bootstrap(Estimator(np.mean, args=y), n_resamples=999, rng=0)
        >>> bool(boot.p_value()[0] > 0.05), float(boot.p_value(null=9.0)[0])
        (True, 0.002)
        """
        nothing = np.full(self.estimate.shape, np.nan)
        values = read_values("null", null, self.names, nothing, one_for_all=True)
        tested, identified, found = ~np.isnan(values), ~self.flat(), nothing
        known = np.where(tested, values, self.estimate)[identified]
        found[identified] = p_values(self._prepared(method), known, alternative)
        shown = np.where(tested, found, 1.0)
        self.warn_of_missing(method, [shown], "the p-value", stacklevel=3)
        return np.where(tested, found, np.nan)

    def simultaneous(
        self, confidence_level: float = 0.95, names: Sequence[str] | None = None
    ) -> ConfidenceInterval:
        """Compute simultaneous (sup-t) intervals for all parameters, or some of them.

        Parameters
        ----------
        confidence_level : float
            Probability that all intervals hold together.
        names : sequence of str, optional
            The parameters, in the order wanted; by default all that vary.

        Returns
        -------
        ConfidenceInterval
            Estimate ± c SE, with c from the largest deviation of each replicate (Montiel Olea and
            Plagborg-Møller 2019).

        Raises
        ------
        ValueError
            For unknown names, parameters with infinite replicates or not identified, and a level
            that so few replicates cannot show.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).normal(size=50)
        >>> spread = Estimator(lambda y: {"mean": y.mean(), "sd": y.std()}, args=y)
        >>> boot = bootstrap(spread, n_resamples=999, rng=0)
        >>> both, one = boot.simultaneous(), boot.simultaneous(names=["mean"])
        >>> bool(both.high[0] > one.high[0])
        True
        """
        if reason := self.lacks(Need.QUANTILES):
            raise ValueError(f"simultaneous: {reason}; use confidence_interval('normal')")
        chosen = self.chosen(names)
        lost = [self.names[j] for j in chosen if (self.flat() | self.diverges())[j]]
        if lost or not chosen:
            raise ValueError(
                f"names: {lost or list(self.names)} are not identified, or infinite in some "
                f"replicates; leave them out"
            )
        bounds = simultaneous_interval(
            self.kept()[:, chosen], self.estimate[chosen], confidence_level
        )
        known = self.rescaled_correction()
        wide = bounds if known is None else known.take(chosen).widened(bounds, both=True)
        return replace(wide, names=tuple(self.names[j] for j in chosen))
