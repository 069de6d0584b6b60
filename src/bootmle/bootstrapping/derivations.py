"""Quantities derived from the parameters, on every replicate."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from bootmle.bootstrapping.calibrating import Calibrations
from bootmle.bootstrapping.derived_functions import read_function
from bootmle.bootstrapping.fit_intervals import of_derived
from bootmle.bootstrapping.own_errors import OwnErrors
from bootmle.bootstrapping.pictures import Pictures
from bootmle.display.checks import check_flag, check_names
from bootmle.inference.correction import Correction
from bootmle.inference.derived import (
    derive_all,
    derive_at,
    differentiate,
    remarks_on,
    shape_at,
)
from bootmle.inference.derived_scales import DerivedScales
from bootmle.inference.standard_errors import of_finite, standard_error
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.alarm_kinds import AlarmKind

__all__ = ["Derivations"]


@dataclass(frozen=True, slots=True, eq=False)
class Derivations(Pictures):
    """Replicates of a fit, and quantities derived from them; attributes as of `Spread`."""

    def derive(
        self,
        function: Callable[[Any], Any],
        names: Sequence[str] | None = None,
        *,
        vectorized: bool = False,
        transform: Any = None,
    ) -> Self:
        """Compute a function of the parameters on every replicate.

        Parameters
        ----------
        function : callable
            ``function(params)`` of the full parameter vector (p,), which also takes names
            (``params["slope"]``), returns a number, an array of any shape, a mapping or a Series: a
            ratio, a prediction, a curve on a grid (see `band`). The same one at the same params.
        names : sequence of str, optional
            Names of the k quantities; by default those of a mapping or Series.
        vectorized : bool
            Whether ``function`` takes params of shape (p, B) and returns (..., B): one call then
            serves all replicates.
        transform : str, sequence or mapping, optional
            The scale on which studentized intervals are computed, and whose range they keep: "log"
            of what is positive, "probit" or "logit" of a share, a probability, say; by default
            "identity". One for all quantities, one for each, or by name.

        Returns
        -------
        Bootstrap
            Of the k quantities. Those that the data do not identify have no standard error. Their
            studentized intervals take each replicate's own standard error by the delta method.

        Raises
        ------
        TypeError, ValueError
            If the function does not return numbers that are finite at the estimate, or other ones
            when called again; for an unknown scale, or one whose range does not hold the estimate.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).gamma(4.0, size=50)
        >>> moments = Estimator(lambda y: {"mean": y.mean(), "sd": y.std()}, args=y)
        >>> boot = bootstrap(moments, n_resamples=999, rng=0)
        >>> boot.derive(lambda p: {"variation": p[1] / p[0]}).names
        ('variation',)
        """
        given = check_names(names, "derived quantity")
        by_columns = check_flag("vectorized", vectorized)
        function = read_function(function, self.estimate, self.names, by_columns)
        estimate, labels = derive_at(function, self.estimate, given)
        scales = DerivedScales.read(transform, labels, estimate)
        derived, correction, own_errors = self._values_of(function)
        robust = self.cluster_robust
        center = None if self.center is None else derive_at(function, self.center, labels)[0]
        return replace(
            self,
            derived=True,
            derivation=(*self.derivation, function),
            origin=self if self.origin is None else self.origin,
            own_errors=own_errors,
            names=labels,
            shape=shape_at(function, self.estimate),
            scales=scales.names,
            estimate=estimate,
            data=self.data.derived(derived, self._linear_of(function)),
            center=center,
            correction=correction,
            own_standard_error=None,
            cluster_robust=robust and of_derived(robust, [function], self.estimate),
            fixed=(),
            not_identified=self.moved_along_flat(function, estimate, labels),
            at_bound=self.moved_inward(function, estimate, labels),
            remarks=(*self.remarks, *remarks_on(labels, estimate, self.replicates, derived)),
            audits=(),
            alarms=tuple(each for each in self.alarms if each.kind is AlarmKind.BETTER_OPTIMUM),
            calibrations=Calibrations(),
        )

    def _values_of(
        self, function: Callable[[Floats], Any]
    ) -> tuple[Floats, Correction | None, OwnErrors]:
        """Derive quantities at the replicates, and correct those that are expanded."""
        begun, correction = time.perf_counter(), self.correction
        derived = derive_all(function, self.replicates)
        if np.isnan(derived).all():
            raise ValueError(
                f"function: it has a value at the estimate, and at none of the {len(derived):,} "
                f"replicates; return numbers near the estimate, too"
            )
        own_errors = OwnErrors(self.own_errors.seconds + time.perf_counter() - begun)
        if correction is not None:
            corrected = self.status == Status.EXPANDED
            derived, correction = correction.of_derived(function, derived, corrected)
        return derived, correction, own_errors

    def _linear_of(self, function: Callable[[Floats], Any]) -> Floats:
        """Return the linear parts of a derived quantity's replicates, (B, k), where known."""
        if not np.isfinite(self.data.linear).any():
            return np.empty((0, 0))
        errors = of_finite(standard_error, self.kept())
        slopes = differentiate([function], self.estimate, errors)
        return np.asarray(self.data.linear @ slopes.T)
