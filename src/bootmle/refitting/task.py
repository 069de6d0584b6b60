"""A run's task: any of its replicates, computed from its number alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from bootmle.execution.threads import computation
from bootmle.execution.timelimit import ENDED, RefitTimeout
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.taken_apart import ApartError
from bootmle.optimization.newton import CubicModels
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.status import Status
from bootmle.refitting.cluster_robust import (
    check_correction,
    correct_sandwich,
    corrected_errors,
)
from bootmle.refitting.estimator_refit import EstimatorRefit
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.score_steps import ScoreSteps
from bootmle.sampling import Plan, draw_resample
from bootmle.sampling.resample import Resample

__all__ = ["Task", "chunk_of"]

CHUNK = 64
"""Replicates that are refitted together, whatever B and n_jobs are. Measured on the logit, n=1500,
p=12: 1.36 ms a replicate alone, 0.50 ms in chunks of 64, 0.48 ms in chunks of 256."""

CHUNK_CAP = 2**22
"""Largest number of weights of one chunk (32 MiB): fewer replicates of long data."""


WEIGHTS_CAP = 2**24
"""The same for a chunk on an accelerator (128 MiB), whose weights this machine's memory holds."""

_SHARE = 0.5
"""Of an accelerator's memory: the rest is for the data, the expansion, and what XLA adds."""

_ROWS, _HESSIANS = 4, 12
"""Arrays of n numbers, and of q² numbers, that each replicate has while it moves."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all members of a chunk share: resamples, the models to start from, linear parts."""

    chunk: int
    drawn: list[Resample]
    models: CubicModels | None
    linear: Floats | None


@dataclass(slots=True)
class _Latest:
    """What the chunk that was computed last shares: the next part is often one of it."""

    shared: _Shared | None = None

    def __reduce__(self) -> tuple[type[_Latest], tuple[()]]:
        """Begin with nothing in another process."""
        return _Latest, ()


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker needs to compute any replicate of a run.

    Attributes
    ----------
    refit : LikelihoodRefit, EstimatorRefit or ScoreSteps
        What all refits share.
    sampling : Plan
        How resamples are drawn.
    seed : int
        The entropy of all streams.
    n : int
        Number of observations.
    """

    refit: LikelihoodRefit | EstimatorRefit | ScoreSteps
    sampling: Plan
    seed: int
    n: int
    size: int = field(init=False)
    """Number of replicates in a chunk."""
    latest: _Latest = field(init=False, repr=False, compare=False, default_factory=_Latest)

    def __post_init__(self) -> None:
        """Measure once how many replicates a chunk has: a worker's device may be another one."""
        object.__setattr__(self, "size", chunk_of(self.refit.fit))

    @classmethod
    def prepare(
        cls,
        fit: Fit | Estimator,
        sampling: Plan,
        refit: str,
        seed: int,
        timeout: float | None = None,
        *,
        apart: bool = False,
    ) -> Task:
        """Compute what all refits share; each may take ``timeout`` seconds."""
        # ``apart`` says whether a total is taken apart for verified refits, too, where that works.
        n, verified = fit.n, refit == "verified"
        if fit.likelihood is None:
            check_correction(fit, sampling)
            return cls(EstimatorRefit(fit, timeout), sampling, seed, n)
        if sampling.linear:
            steps = ScoreSteps.prepare(fit, sampling, timeout)
            return cls(steps, sampling, seed, n)
        check_correction(fit, sampling)
        whole = fit.takes_weights or (verified and not apart)
        units = None if whole else tuple(sampling.units_apart or ())
        try:
            prepared = LikelihoodRefit.prepare(fit, verified=False, units=units)
        except ApartError as error:
            if verified:
                return cls.prepare(fit, sampling, refit, seed, timeout)
            raise ValueError(
                f"refit: {refit!r} takes the total apart, but {error}; return the n contributions "
                f"instead (delete .sum()), or use 'verified'"
            ) from error
        prepared = replace(prepared, timeout=timeout)
        if sampling.exhaustive:
            prepared = replace(prepared, polished=True)
        expanded = cls(prepared, sampling, seed, n)
        if refit == "corrected":
            careful = replace(prepared, cautious=True)
            expanded = replace(expanded, refit=expanded._with_sandwiches_by_weights(careful))
        return expanded.verifying() if verified else expanded

    def verifying(self) -> Task:
        """Return the task that certifies each replicate, with its own standard errors."""
        assert isinstance(self.refit, LikelihoodRefit)
        verified = replace(self.refit, verified=True)
        return replace(self, refit=self._with_sandwiches_by_weights(verified))

    def _with_sandwiches_by_weights(self, refit: LikelihoodRefit) -> LikelihoodRefit:
        """Have each replicate's own standard errors measured, where weights give them."""
        return self.with_sandwiches(refit) if refit.supports_weights else refit

    def with_sandwiches(self, refit: LikelihoodRefit) -> LikelihoodRefit:
        """Have each replicate's own standard errors measured, of a total taken apart, too."""
        # Of a total they take ten times as long as its expanded replicates, n = 1,500, p = 12.
        units = self.sampling.units(self.n) if self.sampling.studentizes else None
        if not units:
            return refit
        return correct_sandwich(refit.with_sandwiches(units), self.sampling)

    @property
    def notes(self) -> tuple[str, ...]:
        """Say how a total is taken apart, where it is."""
        if not self.apart:
            return ()
        kind = "rows" if self.sampling.units_apart is None else "clusters"
        return (
            f"the total is taken apart: the expansion has the contributions of single {kind}; "
            f"refits evaluate the total on resampled rows",
        )

    @property
    def apart(self) -> bool:
        """Whether a total is taken apart."""
        return isinstance(self.refit, LikelihoodRefit) and self.refit.apart

    @property
    def timeout(self) -> float | None:
        """Seconds that one refit may take."""
        return self.refit.timeout

    def own_errors(self, fit: Fit | Estimator) -> Floats | None:
        """Compute a fit's own standard errors, (p,), by the formula of each replicate's."""
        if isinstance(self.refit, ScoreSteps):
            return self.refit.own_errors
        if isinstance(fit, Fit) and self.sampling.score_correction is not None:
            return corrected_errors(fit, self.sampling)
        if isinstance(self.refit, LikelihoodRefit) and self.refit.apart:
            whole = self.with_sandwiches(self.refit)
            return whole.errors_of_data() if self.refit.cautious else None
        return fit.own_errors(self.sampling.units(self.n)) if self.refit.studentizes else None

    def __call__(self, chunk: int) -> Replicates:
        """Compute one whole chunk."""
        return self.part(chunk, 0, self.size)

    def part(self, chunk: int, first: int, last: int) -> Replicates:
        """Compute some replicates of a chunk: each is the same to the last bit as in any other."""
        with computation():
            start, chosen = chunk * self.size, slice(first, last)
            members = range(start + first, start + last)
            if isinstance(self.refit, EstimatorRefit):
                return Replicates.from_outcomes(*self.refit(self.draw_all(members)))
            if isinstance(self.refit, LikelihoodRefit) and not self.refit.works_together:
                drawn = list(self.draw_all(members))
                return Replicates.from_outcomes(*self.refit(drawn), self._linear_parts(drawn))
            if self.size > CHUNK:  # an accelerator's: it computes each at its place, and alone
                own = list(self.draw_all(members))
                drawn = [own[0]] * first + own + [own[0]] * (self.size - last)
                shared = self._share(chunk, drawn)
            else:
                shared = self._shared(chunk)
            if isinstance(self.refit, ScoreSteps):
                found = self.refit(shared.drawn, chosen)
            else:
                found = self.refit(shared.drawn, chosen, shared.models)
            linear = None if shared.linear is None else shared.linear[chosen]
            return Replicates.from_outcomes(*found, linear)

    def _shared(self, chunk: int) -> _Shared:
        """Compute what members of a chunk share, unless the last part was of the same one."""
        shared = self.latest.shared
        if shared is not None and shared.chunk == chunk:
            return shared
        self.latest.shared = None  # so that memory holds one chunk's, not two
        members = range(chunk * self.size, (chunk + 1) * self.size)
        shared = self._share(chunk, list(self.draw_all(members)))
        if shared.drawn[0].simulate is None:  # to simulate uses up a replicate's stream
            self.latest.shared = shared
        return shared

    def _share(self, chunk: int, drawn: list[Resample]) -> _Shared:
        """Compute what a chunk's members share besides their resamples."""
        models = self.refit.known_models(drawn) if isinstance(self.refit, LikelihoodRefit) else None
        return _Shared(chunk, drawn, models, self._linear_parts(drawn))

    def _linear_parts(self, drawn: list[Resample]) -> Floats | None:
        """Return the replicates' linear parts, (b, p), where their mean over all samples is 0."""
        if isinstance(self.refit, ScoreSteps):
            return self.refit.linear_parts(drawn)
        of_size_n = self.sampling.rescaling(self.n) == (1.0, 1.0)
        if not (self.sampling.is_random and of_size_n):
            return None
        assert isinstance(self.refit, LikelihoodRefit)
        expected = self.sampling.expected_weights(self.n)
        return self.refit.linear_parts(drawn, np.ones(self.n) if expected is None else expected)

    def lost(self, chunk: int, first: int, last: int, reason: str) -> Replicates:
        """Record that some replicates of a chunk cannot be computed."""
        nothing, status = np.full(self.refit.n_params, np.nan), Status.WORKER_DIED
        if self.refit.timeout is not None and ENDED in reason:
            status, reason = Status.TIMED_OUT, str(RefitTimeout(self.refit.timeout))
        outcome = Outcome(nothing, status, np.nan, reason)
        return Replicates.from_outcomes([outcome] * (last - first), [(0, 0)] * (last - first))

    def none(self) -> Replicates:
        """Begin without any replicate."""
        return Replicates.none(self.refit.n_params)

    def draw(self, replicate: int) -> Resample:
        """Draw one resample from its own stream."""
        return draw_resample(self.sampling, self.n, self.seed, replicate)

    def draw_all(self, replicates: Iterable[int]) -> Iterator[Resample]:
        """Draw several resamples, each as if it were the only one."""
        return self.sampling.draw_all(self.n, self.seed, replicates)

    def center(self) -> Floats | None:
        """Refit with the plan's expected weights; None where they are all equal."""
        weights = self.sampling.expected_weights(self.n)
        if weights is None or not self.refit.supports_weights or isinstance(self.refit, ScoreSteps):
            return None
        (outcome, *_), _ = self.refit([Resample(self.n, fractions=weights)] * 2)
        return outcome.params if np.isfinite(outcome.params).all() else None


def chunk_of(fit: Fit | Estimator) -> int:
    """Return the number of replicates in a chunk: on an accelerator as many as memory allows."""
    likelihood, usual = fit.likelihood, max(1, min(CHUNK, CHUNK_CAP // fit.n))
    if not isinstance(fit, Fit) or likelihood is None or not likelihood.automatic:
        return usual
    if not likelihood.supports_weights:  # each has data of its own
        return usual
    found = likelihood.automatic.memory(fit.estimate, likelihood.args)
    return usual if found is None else max(usual, _chunk_within(*found, fit.n, fit.whitening.size))


def _chunk_within(memory: int, gradient: int, n: int, size: int) -> int:
    """Return how many replicates of n observations a device's memory holds: a power of two."""
    # A gradient's own bytes, weights and their products, scores, scaled scores and the gradient's
    # derivatives, a cubic model in two layouts, and some Hessians. As compiled: 0.37 MB for the
    # logit, 0.68 MB for NB2 (n=1500, p=12), of 0.67 MB by this.
    numbers = n * (_ROWS + 4 * size) + 2 * size**3 + _HESSIANS * size**2
    count = min(_SHARE * memory / (gradient + 8 * numbers), WEIGHTS_CAP / n)
    return 1 << max(0, int(count).bit_length() - 1)
