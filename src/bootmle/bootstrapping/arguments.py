"""Reading and checking the arguments of `bootstrap` and `coverage`."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.bootstrapping.record import Record
from bootmle.display.checks import check_choice, read_path
from bootmle.display.known_names import PLANS
from bootmle.display.text import brief
from bootmle.execution.checkpoint import MOST
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats, unmasked
from bootmle.likelihood.taken_apart import why_whole
from bootmle.sampling import Plan, Structure

__all__ = [
    "check_n_resamples",
    "check_plan",
    "check_precision",
    "check_refit",
    "read_directory",
    "read_extension",
    "read_seed",
    "read_shard",
    "read_values",
]

_SEED_BYTES = 4
"""Of a seed that is drawn: 10 digits can be copied, and two of 1,000 runs share theirs with a
probability of 1000² / 2 / 2³² = 0.01%."""
_REFITS = ("verified", "corrected", "expansion")


def check_n_resamples(n_resamples: Any, sampling: Plan, argument: str = "n_resamples") -> int:
    """Read the number of replicates or data sets; of a finite plan at most those it has."""
    whole = isinstance(n_resamples, int | np.integer) and not isinstance(n_resamples, bool)
    if not whole or not 2 <= n_resamples <= MOST:
        most = "" if not whole or n_resamples < 2 else f" and at most {MOST:,}"
        raise ValueError(f"{argument} must be an integer >= 2{most}, got {brief(n_resamples)}")
    available = sampling.n_available
    if available is not None and available < 2:
        raise ValueError(f"sampling: {sampling!r} has {available} resamples; at least 2 are needed")
    if available is None:
        return int(n_resamples)
    return available if sampling.exhaustive else min(int(n_resamples), available)


def check_plan(fit: Any, sampling: Any) -> None:
    """Raise for what is not a plan or a fit, and for a plan that does not suit the fit."""
    if not isinstance(sampling, Plan) or isinstance(sampling, type):
        raise TypeError(f"sampling: {_no_plan(sampling)}")
    if not isinstance(fit, Fit | Estimator):
        raise TypeError(
            f"fit: got {type(fit).__name__}; pass the Fit returned by bootmle.fit(fun, x0, args), "
            f"or an Estimator"
        )
    sampling.check_fit(fit)


def _no_plan(sampling: Any) -> str:
    """Say which plan to pass instead of what is none."""
    if isinstance(sampling, type) and issubclass(sampling, Plan):
        return f"{sampling.__name__} is a class; pass a plan, {sampling.__name__}(...)"
    known = PLANS.get(sampling.lower()) if isinstance(sampling, str) else None
    others = "Cases(), Clustered(labels), Blocks() or another plan"
    return f"{brief(sampling)} is not a plan; pass {known or others}"


def check_refit(fit: Fit | Estimator, sampling: Plan, refit: str) -> None:
    """Raise for an unknown kind of refit, and for an expansion without contributions."""
    if check_choice("refit", refit, _REFITS) == "verified":
        return
    if sampling.linear:
        raise ValueError(
            f"refit: {refit!r} saves refits, of which {sampling!r} has none; leave it out"
        )
    if refit == "corrected" and not sampling.is_random:
        raise ValueError(
            f"refit: 'corrected' corrects by a random sample, but the samples of {sampling!r} are "
            f"not random; use 'verified'"
        )
    if sampling.structure is Structure.MODEL:
        raise ValueError(f"refit: {refit!r} does not work for simulated data; use 'verified'")
    if fit.takes_weights and fit.likelihood is not None:
        return
    weights = f"refit: {refit!r} weights the observations' contributions, which"
    if fit.likelihood is None:
        raise ValueError(
            f"{weights} an Estimator does not have; bootstrap a Fit instead; or use 'verified'"
        )
    whole = why_whole(fit.likelihood, clustered=sampling.units_apart is not None)
    if whole:
        reason = "" if fit.likelihood.per_observation else f", and {whole}"
        raise ValueError(f"{weights} {fit.why_no_weights}{reason}; or use 'verified'")


def read_seed(rng: Any) -> int:
    """Return the entropy of all random streams."""
    if rng is None:
        return int.from_bytes(np.random.default_rng().bytes(_SEED_BYTES), "little")
    if isinstance(rng, np.random.Generator):
        return int.from_bytes(rng.bytes(_SEED_BYTES), "little")
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer) or rng < 0:
        raise ValueError(
            f"rng: got {brief(rng)}; pass an integer >= 0, a numpy.random.Generator, or None"
        )
    return int(rng)


def read_directory(checkpoint: Any) -> Path | None:
    """Read the directory for finished chunks."""
    if checkpoint is None:
        return None
    path = read_path("checkpoint", checkpoint, "a directory")
    if path.exists() and not path.is_dir():
        raise ValueError(f"checkpoint: {path} is a file; name a new directory or that of a run")
    return path


def check_precision(precision: Any, sampling: Plan) -> float | None:
    """Read the precision; raise for one with a plan that uses all its resamples."""
    if precision is None:
        return None
    if not isinstance(precision, Real) or not 0 < float(precision) < 1:
        raise ValueError(
            f"precision: got {brief(precision)}; pass the largest relative Monte Carlo error of a "
            f"standard error, between 0 and 1, such as 0.02"
        )
    if sampling.exhaustive:
        raise ValueError(
            f"precision: got {precision!r}, but {sampling!r} always uses all its samples; leave "
            f"precision out"
        )
    return float(precision)


def read_shard(shard: Any, checkpoint: Any, precision: Any) -> tuple[int, int]:
    """Read which part of how many is requested; the whole by default."""
    if shard is None:
        return 1, 1
    numbers = tuple(shard) if isinstance(shard, tuple | list) else ()
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in numbers)
    if len(numbers) != 2 or not whole or not 1 <= numbers[0] <= numbers[1]:
        raise ValueError(
            f"shard: got {brief(shard)}; pass (i, k), the i-th of k parts, 1 <= i <= k"
        )
    if checkpoint is None:
        raise ValueError(
            f"shard: got {shard!r} without a directory to merge the parts from; set checkpoint="
        )
    if precision is not None:
        raise ValueError(
            f"precision: got {precision!r} with shard={shard!r}, which sees only its own part of "
            f"the run; leave one of them out"
        )
    return numbers


def read_extension(boot: Record, n: Any, sampling: Plan | None) -> tuple[Fit | Estimator, Plan]:
    """Return the fit and the plan with which to add n replicates; raise if that is not possible."""
    plan = boot.sampling if sampling is None else sampling
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or not 1 <= n <= MOST:
        raise ValueError(
            f"n must be an integer from 1 to {MOST:,}, the replicates to add; got {brief(n)}"
        )
    if boot.fit is None:
        raise ValueError("extend: the run was loaded without its fit; use load(path, fit=mle)")
    if isinstance(plan, str):
        raise ValueError(
            f"sampling: the file holds only the text of the plan, {plan}; pass the plan, sampling="
        )
    if boot.derived or len(boot.seeds) > 1 or boot.numbers is not None:
        raise ValueError(
            "extend: these are derived quantities, several merged runs, or a part of a run; extend "
            "the single run that they come from"
        )
    boot.fit.check_data()
    if sampling is not None:
        check_plan(boot.fit, sampling)
        plan = sampling.prepared(boot.fit)
        if str(plan) != str(boot.sampling):
            raise ValueError(f"sampling: got {plan}, but the run's plan is {boot.sampling}")
    count = len(boot.data) + int(n)
    if plan.n_available is not None and count > plan.n_available:
        raise ValueError(f"n: got {n}, but {plan} has {plan.n_available} samples, not {count}")
    return boot.fit, plan


def read_values(
    argument: str, given: Any, names: Sequence[str], default: Floats, *, one_for_all: bool = False
) -> Floats:
    """Read a value for each parameter, (p,): in order, or by name with defaults for the others."""
    if hasattr(given, "keys"):
        values = dict(zip(names, np.asarray(default).tolist(), strict=True))
        for name, value in given.items():
            if str(name) not in values:
                raise ValueError(f"{argument}: {name!r} is not among the parameters {list(names)}")
            if isinstance(value, bool) or not isinstance(value, Real) or value != value:
                raise ValueError(f"{argument}: {str(name)!r} is {brief(value)}; pass a number")
            values[str(name)] = float(value)
        return np.array(list(values.values()))
    try:
        array = np.asarray(unmasked(given))
        array = array.astype(float) if array.dtype.kind in "iufO" else np.empty(0)
    except (TypeError, ValueError):
        array = np.empty(0)
    if one_for_all and array.ndim == 0:
        array = np.full(len(names), array)
    if array.shape != (len(names),) or np.isnan(array).any():
        one = "one number, or " if one_for_all else ""
        raise ValueError(
            f"{argument}: {brief(given)}; pass {one}{len(names)}, one for each of {list(names)}, "
            f"or a mapping from name to value"
        )
    return array
