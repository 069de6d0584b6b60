"""Replicates' own standard errors that runs do not keep: computed when first asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bootmle.execution.meter import watched_step
from bootmle.execution.progress import shown
from bootmle.inference.correction import Correction
from bootmle.inference.derived import delta_errors, derive_in_turn
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.errors_by_parts import errors_by_expansion, errors_by_parts
from bootmle.refitting.own_covariances import OwnCovariances, covariance_of_data
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.signed_roots import LikelihoodProfile, signed_roots
from bootmle.refitting.task import Task
from bootmle.refitting.wald_scores import WaldScoreProfile, wald_scores

__all__ = ["QUICK_SECONDS", "OwnErrors", "Studentizing"]


_GRADIENTS = 2
"""Gradients, of p + 1 evaluations each, that a refit by parts takes from the expansion."""

QUICK_SECONDS = 10.0
"""Seconds that a table, or a file, may wait for what its recommended intervals take: nobody expects
a print to take longer."""
_REFITS = 1.5
"""Time of a replicate's likelihood ratio over that of its refit: 0.7 to 1.2 on eight models, n = 20
and 50, with the ends of the data's."""
_SCORES = 2.0
"""Time of its score statistic over that of its refit: 0.6 to 2.0 on five models, n = 20, with the
ends of the data's."""
_QUICK_PRODUCTS = 1e10
"""Multiplications that the expansion may take for it: some seconds."""


class Studentizing(NamedTuple):
    """What studentizes a run: its replicates and their correction, and the fit's errors (p,)."""

    data: Replicates
    correction: Correction | None
    own_standard_error: Floats | None


class OwnErrors:
    """The own standard errors of a run's replicates, once they are asked for."""

    def __init__(self, seconds: float = 0.0) -> None:
        """Begin without any; deriving the replicates' quantities took so many seconds."""
        self.known: Studentizing | None = None
        self.seconds = seconds
        self.roots: tuple[Floats, LikelihoodProfile] | None = None
        self.scores: tuple[Floats, LikelihoodProfile] | None = None
        self._covariances: OwnCovariances | None = None

    def of(self, run: Any) -> Studentizing:
        """Return a run's replicates with the standard errors of each."""
        if self.known is None:
            self.known = _of_derived(run) if run.derived else _of_total(run)
        return self.known

    def is_quick(self, run: Any) -> bool:
        """Whether those of derived quantities are known, or take seconds."""
        if self.known is not None:
            return True
        origin = run.origin
        size = origin.fit.whitening.size
        products = len(origin.data) * origin.fit.n * size**2 * (1 + size / 2 + size**2 / 6)
        if origin.unmeasured() or products > _QUICK_PRODUCTS:
            return False
        each = origin.seconds / max(int(origin.data.n_evaluations.sum()), 1)
        evaluations = origin.own_errors.covariances(origin).n_evaluations
        seconds = each * evaluations + 2 * origin.estimate.size * self.seconds
        return bool(seconds < QUICK_SECONDS)

    def ratios_are_quick(self, run: Any) -> bool:
        """Whether the likelihood ratios are known, or take seconds: some refits for a parameter."""
        names = len(run.names) - len(run.fixed)
        return self.roots is not None or _REFITS * names * run.seconds < QUICK_SECONDS

    def scores_are_quick(self, run: Any) -> bool:
        """Whether the score statistics are known, or take seconds."""
        names = len(run.names) - len(run.fixed)
        return self.scores is not None or _SCORES * names * run.seconds < QUICK_SECONDS

    def covariances(self, run: Any) -> OwnCovariances:
        """Return the covariances of a run's replicates, as far as the expansion gives them."""
        if self._covariances is None:
            data, _, _ = run.with_own_errors()
            self._covariances = OwnCovariances.expanded(
                run.fit, *_task(run), data.estimates, data.standard_errors
            )
        return self._covariances

    def roots_of(self, run: Any) -> tuple[Floats, LikelihoodProfile]:
        """Return the signed roots of a run's likelihood ratios, (B, p), and the data's profile."""
        if self.roots is None:
            (task, numbers), kept = _task(run), ~run.data.failed
            with watched_step("likelihood ratios", shown(None)):
                roots = signed_roots(task, numbers[kept], run.data.estimates[kept])
            self.roots = roots, LikelihoodProfile.of(task)
        return self.roots

    def scores_of(self, run: Any) -> tuple[Floats, LikelihoodProfile]:
        """Return a run's means of the Wald and the score statistic, (B, p), and the data's."""
        if self.scores is None:
            (task, numbers), kept = _task(run), ~run.data.failed
            data, _, own = run.with_own_errors()
            with watched_step("score statistics", shown(None)):
                scores = wald_scores(
                    *(task, numbers[kept], data.estimates[kept], data.standard_errors[kept])
                )
            self.scores = scores, WaldScoreProfile.with_errors(task, own)
        return self.scores

    def measured(self, run: Any) -> OwnCovariances:
        """Return all covariances of a run's replicates."""
        found = self.covariances(run)
        with watched_step("standard errors", shown(None), found.n_evaluations):
            self._covariances = found.measured()
        return self._covariances


def _task(run: Any) -> tuple[Task, Any]:
    """Prepare the task of a run, and number its replicates."""
    task = Task.prepare(run.fit, run.sampling, run.refit, run.seed, apart=run.apart)
    return task, np.arange(len(run.data)) if run.numbers is None else run.numbers


def _of_total(run: Any) -> Studentizing:
    """Measure those of a total that is taken apart."""
    data, (task, numbers) = run.data, _task(run)
    expanded = errors_by_expansion(task, numbers)
    errors = np.where((data.status == Status.EXPANDED)[:, None], expanded, np.nan)
    left = np.isnan(errors).all(axis=1) & np.isfinite(data.estimates).all(axis=1)
    expected = int(left.sum()) * _GRADIENTS * (run.fit.whitening.size + 1)
    with watched_step("standard errors", shown(None), expected):
        errors[left] = errors_by_parts(run.fit, task, numbers[left], data.estimates[left])
    correction = run.correction
    if correction is not None:
        sample = _places(correction.verified, data.estimates)
        correction = replace(
            correction, predicted_errors=expanded[sample], verified_errors=errors[sample]
        )
    return Studentizing(replace(data, standard_errors=errors), correction, run.own_standard_error)


def _of_derived(run: Any) -> Studentizing:
    """Compute those of derived quantities, by the delta method in each replicate."""
    origin, functions = run.origin, run.derivation
    data, correction, own = origin.with_own_errors()
    found = origin.own_errors.measured(origin)
    errors = delta_errors(functions, data.estimates, found.matrices)
    of_fit = covariance_of_data(origin.fit, found.task, own)[None]
    of_estimate = delta_errors(functions, origin.estimate[None], of_fit)[0]
    of_derived = run.correction
    if of_derived is not None:
        # The rows of the sample that have values of the quantities.
        whole = _places(of_derived.verified, derive_in_turn(functions, correction.verified))
        sample = correction.rows(whole)
        places = _places(sample.verified, data.estimates)
        expanded = OwnCovariances.expanded(
            *(origin.fit, found.task, found.numbers[places]),
            *(sample.predicted, sample.predicted_errors),
        )
        of_derived = replace(
            of_derived,
            predicted_errors=delta_errors(functions, sample.predicted, expanded.matrices),
            verified_errors=errors[places],
        )
    return Studentizing(replace(run.data, standard_errors=errors), of_derived, of_estimate)


def _places(rows: Floats, among: Floats) -> list[int]:
    """Find rows among others."""
    places = {row.tobytes(): k for k, row in enumerate(among)}
    return [places[row.tobytes()] for row in rows]
