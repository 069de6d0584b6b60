"""Reading what the user passes to `bootstrap`, with an error for what cannot be used."""

from __future__ import annotations

import os
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.display.text import brief
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.sampling import Plan, Structure

__all__ = [
    "check_n_resamples",
    "check_plan",
    "check_precision",
    "check_refit",
    "read_directory",
    "read_seed",
    "read_shard",
    "refuse_unknown",
]

_REFITS = ("verified", "expansion")


def refuse_unknown(unknown: dict[str, Any], verb: str = "bootstrap") -> None:
    """Name the keyword that was meant."""
    for name in unknown:
        if name in {"seed", "random_state"}:
            raise TypeError(f"{name}: use rng={unknown[name]!r}, SciPy's name for it")
        raise TypeError(f"{verb}() has no argument {name!r}; help(bootmle.{verb}) lists them")


def check_n_resamples(n_resamples: Any, sampling: Plan, argument: str = "n_resamples") -> int:
    """Check the number of replicates, or of data sets."""
    whole = isinstance(n_resamples, int | np.integer) and not isinstance(n_resamples, bool)
    if not whole or n_resamples < 2:
        raise ValueError(
            f"{argument}: {n_resamples!r}; a spread needs a whole number of at least 2"
        )
    available = sampling.n_available
    if available is not None and available < 2:
        raise ValueError(f"sampling: {sampling!r} holds {available}; a spread needs at least 2")
    if available is None:
        return int(n_resamples)
    return available if sampling.exhaustive else min(int(n_resamples), available)


def check_plan(fit: Any, sampling: Any) -> None:
    """Refuse a plan that the objective cannot serve."""
    if not isinstance(sampling, Plan) or isinstance(sampling, type):
        raise TypeError(
            f"sampling: {brief(sampling)} is not a plan; pass one, such as Cases(), "
            f"Clustered(labels) or Blocks()"
        )
    if not isinstance(fit, Fit | Estimator):
        raise TypeError(
            f"fit: {type(fit).__name__}; pass the Fit that bootmle.fit(fun, x0, args) returns, or "
            f"an Estimator"
        )
    sampling.check_fit(fit)


def check_refit(fit: Fit | Estimator, sampling: Plan, refit: str) -> None:
    """Refuse an unknown kind of refit, and the expansion where there are no contributions."""
    if refit not in _REFITS:
        raise ValueError(f"refit: {refit!r} is unknown; use one of {', '.join(_REFITS)}")
    if refit != "expansion":
        return
    if fit.likelihood is None or not fit.takes_weights:
        lacks = "an Estimator does not have: bootstrap a Fit instead"
        raise ValueError(
            f"refit: 'expansion' weights the observations' contributions, which "
            f"{lacks if fit.likelihood is None else fit.why_no_weights}; or use 'verified'"
        )
    if sampling.structure is Structure.MODEL:
        raise ValueError("refit: 'expansion' serves no simulated data; use 'verified'")


def read_seed(rng: Any) -> int:
    """Turn rng into the entropy of all streams."""
    if rng is None:
        entropy = np.random.SeedSequence().entropy
        assert isinstance(entropy, int)
        return entropy
    if isinstance(rng, np.random.Generator):
        return int.from_bytes(rng.bytes(16), "little")
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer) or rng < 0:
        raise ValueError(
            f"rng: {brief(rng)}; pass a whole number not below 0, a numpy.random.Generator, or None"
        )
    return int(rng)


def read_directory(checkpoint: Any) -> Path | None:
    """Read where finished chunks are kept; nowhere by default."""
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, str | os.PathLike):
        raise TypeError(f"checkpoint: {brief(checkpoint)}; pass the path of a directory")
    path = Path(checkpoint)
    if path.exists() and not path.is_dir():
        raise ValueError(f"checkpoint: {path} is a file; name a directory, new or of a run")
    return path


def check_precision(precision: Any, sampling: Plan) -> None:
    """Refuse a precision that is no share, and one for a plan that draws all there is."""
    if precision is None:
        return
    if not isinstance(precision, Real) or not 0 < float(precision) < 1:
        raise ValueError(
            f"precision: {precision!r}; pass the largest error of an SE as a share of it, such as "
            f"0.02"
        )
    if sampling.exhaustive:
        raise ValueError(
            f"precision: {precision!r}, but {sampling!r} has as many samples as there are; leave "
            f"precision out"
        )


def read_shard(shard: Any, checkpoint: Any, precision: Any) -> tuple[int, int]:
    """Read which part of how many is asked for; the whole by default."""
    if shard is None:
        return 1, 1
    numbers = tuple(shard) if isinstance(shard, tuple | list) else ()
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in numbers)
    if len(numbers) != 2 or not whole or not 1 <= numbers[0] <= numbers[1]:
        raise ValueError(f"shard: {shard!r}; pass (i, k), the i-th of k parts, i from 1 to k")
    if checkpoint is None:
        raise ValueError(
            f"shard: {shard!r}, but parts are merged from directories; name one with checkpoint="
        )
    if precision is not None:
        raise ValueError(
            f"precision: {precision!r} with shard={shard!r}, which sees only its own part of the "
            f"run; leave one of them out"
        )
    return numbers
