"""What `print(boot)` shows: the table, and the lines that belong to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bootmle.bootstrapping.sensitivity import Sensitivity
from bootmle.display import html
from bootmle.display.text import align, duration, rounded, rounded_like
from bootmle.inference.intervals import fewest_replicates
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.audits import ExpansionAudit

__all__ = ["percentile_ends", "summary_html", "summary_text"]

_SHIFTED = 0.15
_SKEWED = 0.5
_NOISE = 3.0
_FEW_LOST = 0.01


def summary_text(boot: Sensitivity) -> str:
    """Show the table to read and paste, and what to know of it."""
    return "\n".join([align(*_table(boot)), "", *_lines(boot)])


def summary_html(boot: Sensitivity) -> str:
    """Show the same in a notebook."""
    return html.table(*_table(boot)) + html.lines(_lines(boot))


def percentile_ends(boot: Sensitivity, confidence_level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the percentile interval's ends, NaN where there are too few replicates for it.

    Of replicates that make no quantiles, those of the normal interval.
    """
    if not boot.supports_quantiles:
        bounds = boot.confidence_interval("normal", confidence_level)
        return bounds.low, bounds.high
    if len(boot.data) - boot.n_failed < fewest_replicates(confidence_level):
        nothing = np.full(len(boot.names), np.nan)
        return nothing, nothing
    bounds = boot.confidence_interval(confidence_level=confidence_level)
    return bounds.low, bounds.high


def _table(boot: Sensitivity) -> tuple[list[str], list[list[str]], tuple[str, int]]:
    """List estimates, standard errors and intervals below their titles."""
    header = ["", "estimate", "bootstrap SE", "± MC", "low", "high"]
    kind = "percentile" if boot.supports_quantiles else "normal"
    columns = (boot.estimate, boot.standard_error, boot.standard_error_mcse, *percentile_ends(boot))
    rows = [
        [name, f"{numbers[0]:.6g}", "fixed", "", "", ""]
        if name in boot.fixed
        else [name, *_row(*numbers)]
        for name, *numbers in zip(boot.names, *columns, strict=True)
    ]
    doubtful = _doubtful(boot)
    _flag(rows, boot, doubtful)
    if doubtful.any():
        header.insert(4, "quantile SE")
        beside = zip(rows, boot.quantile_standard_error, doubtful, strict=True)
        for row, error, one in beside:
            row.insert(4, rounded(error, 3) if one else "")
    return header, rows, (f"95% {kind} interval", 2)


def _flag(rows: list[list[str]], boot: Sensitivity, doubtful: NDArray[np.bool_]) -> None:
    """Mark the standard errors and ends that should not be relied on."""
    reasons = (
        (doubtful, (2,), "heavy tails, or replicates that are infinite: see the quantile SE"),
        (_off_center(boot), (4, 5), f"off center or skewed: use {_better(boot)} intervals"),
        (boot.flat(), (2, 4, 5), "not identified by the data"),
    )
    for chosen, columns, reason in reasons:
        for j in np.flatnonzero(chosen):
            for k in columns:
                rows[j][k] = html.Flagged(rows[j][k], reason)


def _lines(boot: Sensitivity) -> list[str]:
    """List what belongs to the table."""
    return [*_how(boot), *_what_failed(boot), *_cautions(boot)]


def _how(boot: Sensitivity) -> Iterator[str]:
    """Say how many replicates there are, how they were drawn, how long it took, and the seed."""
    if boot.is_random or boot.supports_quantiles:
        yield "± MC is the Monte Carlo standard error: the noise of using finitely many replicates"
    failures = f"{boot.n_failed:,} failed" if boot.n_failed else "none failed"
    yield (
        f"B = {len(boot.data):,} replicates by {boot.sampling}, {failures}; "
        f"{duration(boot.seconds)}; seed {boot.seed}"
    )
    if boot.stopped:
        yield f"stopped before the last replicate: {boot.stopped}"
    yield from (*boot.notes, *boot.remarks)
    yield from (str(audit) for audit in boot.audits if isinstance(audit, ExpansionAudit))


def _what_failed(boot: Sensitivity) -> Iterator[str]:
    """Count the failures by reason, bound what they hide, and name what has no finite optimum."""
    reasons = Counter(
        boot.data.messages.get(int(k)) or Status(boot.status[k]).message
        for k in np.flatnonzero(boot.data.failed)
    )
    shown = reasons.most_common(3)
    yield from (f"failed, {times:,} times: {reason}" for reason, times in shown)
    rest = boot.n_failed - sum(times for _, times in shown)
    if rest:
        yield f"failed, {rest:,} times: for other reasons, in boot.data.messages"
    if boot.n_failed:
        yield _hidden(boot)
    divergent, names = int(boot.data.divergent.sum()), _listed(boot, boot.diverges())
    if names:
        yield (
            f"{divergent:,} replicates have no finite optimum: intervals count {names} as infinite "
            f"there, and standard errors leave that out"
        )
    if boot.not_identified:
        yield f"not identified by the data: {', '.join(boot.not_identified)}"


def _hidden(boot: Sensitivity) -> str:
    """Say how far the failed replicates could move an SE and an end."""
    worst, errors = boot.worst_case(), boot.standard_error
    with np.errstate(all="ignore"):
        ratio = float(np.nanmax(worst.standard_error[1] / errors, initial=1.0))
        ends = np.array([worst.low, worst.high])
        moves = float(np.nanmax(np.ptp(ends, axis=1) / errors, initial=0.0))
    reach = f"by up to {rounded(moves, 2)} SE" if np.isfinite(moves) else "without limit"
    return (
        f"had the failed ones been at their worst, an SE would be up to {rounded(ratio, 3)} times "
        f"as large, and a 95% end could move {reach} (boot.worst_case())"
    )


def _cautions(boot: Sensitivity) -> Iterator[str]:
    """Say where an SE or a percentile interval should not be relied on, and the alarms."""
    least = fewest_replicates(0.95)
    if boot.supports_quantiles and len(boot.data) - boot.n_failed < least:
        yield f"no 95% intervals (nan): they take {least} replicates at least; raise n_resamples"
    heavy = boot.heavy_tails & ~boot.flat()
    if heavy.any():
        yield (
            f"heavy tails: {_listed(boot, heavy)}; one replicate makes over a tenth of the "
            f"variance, and the SE grows with B: the quantile SE does not"
        )
    off = _off_center(boot)
    if off.any():
        yield (
            f"off center or skewed: {_listed(boot, off)}; percentile intervals are likely to cover "
            f"too little: use confidence_interval({_better(boot)!r})"
        )
    yield from (f"! {alarm}" for alarm in boot.alarms)


def _doubtful(boot: Sensitivity) -> NDArray[np.bool_]:
    """Where the quantile-based SE is to stand beside the SE."""
    diverges = boot.diverges() if boot.data.divergent.any() else np.zeros(len(boot.names), bool)
    return np.asarray((boot.heavy_tails | diverges) & ~boot.flat() & boot.supports_quantiles)


def _off_center(boot: Sensitivity) -> NDArray[np.bool_]:
    """Where the replicates are off center or skewed, beyond Monte Carlo error."""
    count = len(boot.data) - boot.n_failed
    if not boot.supports_quantiles or count < fewest_replicates(0.95):
        return np.zeros(len(boot.names), dtype=bool)
    low, _ = boot.ordered()
    below = np.mean(low < boot.estimate, axis=0) + np.mean(low == boot.estimate, axis=0) / 2
    shift = np.abs(ndtri(np.clip(below, 0.5 / count, 1 - 0.5 / count)))
    off = shift > max(_SHIFTED, _NOISE * np.sqrt(np.pi / 2 / count))
    skewed = np.abs(boot.skewness) > max(_SKEWED, _NOISE * np.sqrt(6 / count))
    varies = boot.standard_error > 0
    return np.asarray((off | skewed) & varies & ~boot.flat())


def _better(boot: Sensitivity) -> str:
    """Name the interval to use instead."""
    lost = np.isnan(boot.data.standard_errors[~boot.data.failed]).any(axis=1).mean()
    usable = boot.own_standard_error is not None and lost < _FEW_LOST
    return "studentized" if usable else "bca"


def _listed(boot: Sensitivity, chosen: NDArray[np.bool_]) -> str:
    """List some parameters' names."""
    return ", ".join(name for name, one in zip(boot.names, chosen, strict=True) if one)


def _row(value: float, error: float, mcse: float, low: float, high: float) -> list[str]:
    """Show one parameter's numbers with the digits that its standard error supports."""
    if error == 0:
        return [f"{number:.6g}" for number in (value, error, mcse, low, high)]
    cells = [rounded_like(each, error, 3) for each in (value, error, mcse)]
    ends = [rounded_like(end, error, 3) if np.isfinite(end) else f"{end:g}" for end in (low, high)]
    return [*cells, *ends]
