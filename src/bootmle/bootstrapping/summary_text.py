"""The text of a Bootstrap: its table and the remarks below it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.choosing import (
    LEVEL,
    NONE,
    is_clustered,
    off_center,
    why_unreliable,
    withheld,
)
from bootmle.bootstrapping.missing_ends import describe_missing
from bootmle.bootstrapping.recommendation import (
    describe_recommendation,
    recommend_interval,
    unreliable,
)
from bootmle.bootstrapping.sensitivity import Sensitivity
from bootmle.display import html
from bootmle.display.message_kinds import WARNED, count_kinds
from bootmle.display.text import align, duration, rounded, rounded_like
from bootmle.inference.intervals import Need, fewest_replicates
from bootmle.inference.normal import Normal
from bootmle.inference.studentized import Studentized
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.audits import ExpansionAudit

__all__ = ["percentile_ends", "summary_html", "summary_text"]

_REASONS = 3
"""Reasons of failures that are listed."""


def summary_text(boot: Sensitivity) -> str:
    """Return the table and the remarks below it."""
    return "\n".join([align(*_table(boot)), "", *_lines(boot)])


def summary_html(boot: Sensitivity) -> str:
    """Return the same as HTML."""
    return html.table(*_table(boot)) + html.lines(_lines(boot))


def percentile_ends(boot: Sensitivity, confidence_level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the endpoints of the interval that a table shows; NaN with too few replicates."""
    # That is the percentile interval, or the normal one where quantiles make no interval.
    if not boot.supports_quantiles:
        bounds = boot.interval_of("normal", confidence_level)
        return bounds.low, bounds.high
    if len(boot.data) - boot.n_failed < fewest_replicates(confidence_level):
        nothing = np.full(len(boot.names), np.nan)
        return nothing, nothing
    bounds = boot.interval_of("percentile", confidence_level)
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
    better = _recommended(boot)
    if better is None:
        return header, rows, (f"95% {kind} interval", 2)
    for row, cells in zip(rows, better, strict=True):
        row += cells
    return [*header, "low", "high", "by"], rows, (f"95% {kind} interval, and the recommended", 5)


def _recommended(boot: Sensitivity) -> list[list[str]] | None:
    """List the intervals that are recommended in the place of percentile ones; None without any."""
    if not boot.supports_quantiles or len(boot.data) - boot.n_failed < fewest_replicates(LEVEL):
        return None
    fixed = np.isin(boot.names, boot.fixed)
    kinds = np.where(boot.flat() | fixed, "percentile", boot.kinds_at_hand())
    if not ((kinds != "percentile") & (kinds != NONE)).any():
        return None
    ends, errors = boot.interval_where_possible("recommended", LEVEL), boot.standard_error
    return [
        ["", "", "" if kind == "percentile" else kind]
        if kind in {"percentile", NONE}
        else [*(rounded_like(end, error, 3) for end in both), kind]
        for *both, error, kind in zip(ends.low, ends.high, errors, kinds, strict=True)
    ]


def _flag(rows: list[list[str]], boot: Sensitivity, doubtful: NDArray[np.bool_]) -> None:
    """Mark the standard errors and endpoints that are not reliable."""
    off = off_center(boot) & ~withheld(boot)
    better = recommend_interval(boot) if off.any() else ""
    use = f": {better}" if better else ""
    reasons = (
        (doubtful, (2,), "heavy tails or infinite replicates: see the quantile SE"),
        (
            off,
            (4, 5),
            f"off center or skewed{use}",
        ),
        (boot.flat(), (2, 4, 5), "not identified by the data"),
    )
    for chosen, columns, reason in reasons:
        for j in np.flatnonzero(chosen):
            for k in columns:
                rows[j][k] = html.Flagged(rows[j][k], reason)


def _lines(boot: Sensitivity) -> list[str]:
    """List the remarks below the table."""
    return [*_how(boot), *_what_failed(boot), *_cautions(boot)]


def _how(boot: Sensitivity) -> Iterator[str]:
    """Describe the run: replicates, plan, failures, time, seed and notes."""
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
    if boot.correction is not None:
        count = int((boot.status == Status.VERIFIED).sum())
        yield (
            f"corrected: {count:,} replicates are verified refits, by which the other expanded "
            f"ones are corrected; ± MC includes the correction's error"
        )


def _what_failed(boot: Sensitivity) -> Iterator[str]:
    """Count failures by reason, bound their effect, and name parameters without an estimate."""
    shown = count_kinds(
        boot.data.messages.get(int(k)) or Status(boot.status[k]).message
        for k in np.flatnonzero(boot.data.failed)
    )[:_REASONS]
    yield from (f"failed, {times:,} times: {reason}" for reason, times in shown)
    rest = boot.n_failed - sum(times for _, times in shown)
    if rest:
        yield f"failed, {rest:,} times: other reasons, see boot.data.messages"
    if boot.n_failed:
        yield _hidden(boot)
    warned = (each for each in boot.data.messages.values() if WARNED in each)
    for text, times in count_kinds(each.partition(WARNED)[2] for each in warned)[:_REASONS]:
        yield f"warned, {times:,} times: {text}"
    divergent, names = int(boot.data.divergent.sum()), _listed(boot, boot.diverges())
    if names:
        have = "replicate has" if divergent == 1 else "replicates have"
        yield (
            f"{divergent:,} {have} no finite optimum: there {names} count as infinite in "
            f"intervals and are left out of standard errors"
        )
    if boot.not_identified:
        yield f"not identified by the data: {', '.join(boot.not_identified)}"


def _hidden(boot: Sensitivity) -> str:
    """Describe how far the failed replicates could change an SE and an endpoint."""
    worst, errors = boot.worst_case(), boot.standard_error
    with np.errstate(all="ignore"):
        ratio = float(np.nanmax(worst.standard_error[1] / errors, initial=1.0))
        ends = np.array([worst.low, worst.high])
        moves = float(np.nanmax(np.ptp(ends, axis=1) / errors, initial=0.0))
    reach = f"by up to {rounded(moves, 2)} SE" if np.isfinite(moves) else "without limit"
    return (
        f"worst case over the failed replicates: an SE up to {rounded(ratio, 3)} times as large, a "
        f"95% endpoint moved {reach} (boot.worst_case())"
    )


def _cautions(boot: Sensitivity) -> Iterator[str]:
    """Caution against unreliable SEs and percentile intervals, and list the alarms."""
    least = fewest_replicates(0.95)
    if boot.supports_quantiles and len(boot.data) - boot.n_failed < least:
        yield f"no 95% intervals (nan): they need at least {least} replicates; raise n_resamples"
    heavy = boot.heavy_tails & ~boot.flat()
    if heavy.any():
        yield (
            f"heavy tails: {_listed(boot, heavy)}; a single replicate contributes more than 10% of "
            f"the variance, and the SE grows with B; the quantile SE does not"
        )
    off, refused = off_center(boot) & ~withheld(boot), describe_recommendation(boot)
    if off.any():
        better = "" if refused else recommend_interval(boot)
        use = f": {better}" if better else ""
        yield (
            f"off center or skewed: {_listed(boot, off)}; percentile intervals are likely to "
            f"under-cover{use}"
        )
    if refused:
        yield refused
    yield from filter(None, (boot.missing_ratios(), _missing(boot)))
    yield from _unreliable(boot)
    yield from (f"! {alarm}" for alarm in boot.alarms)


def _missing(boot: Sensitivity) -> str:
    """Say why ends are nan or infinite, but for replicates that are: those lines are above."""
    if not boot.supports_quantiles:
        return describe_missing(boot, [Normal.name] * len(boot.names), percentile_ends(boot))
    if _recommended(boot) is None:
        return ""
    kinds = boot.kinds_at_hand()
    shown = ~(np.isin(kinds, ("percentile", NONE)) | boot.flat() | np.isin(boot.names, boot.fixed))
    bounds = boot.interval_where_possible("recommended", LEVEL)
    ends = [np.where(shown, end, 0.0) for end in (bounds.low, bounds.high)]
    return describe_missing(boot, list(map(str, kinds)), ends)


def _unreliable(boot: Sensitivity) -> Iterator[str]:
    """Say which parameters have no interval that was found to cover as it claims, and why."""
    if len(boot.data) - boot.n_failed < fewest_replicates(LEVEL):
        return
    found = unreliable(boot)
    for reason in dict.fromkeys(found.values()):
        names = ", ".join(name for name, each in found.items() if each == reason)
        yield (
            f"no interval here is reliable for {names}: {reason}, and there are "
            f"{boot.n_units:,}{_instead(boot)}"
        )


def _instead(boot: Sensitivity) -> str:
    """Name the call that measures what reliable intervals take, where there is one."""
    if boot.takes_scores() and not boot.takes_scores(quickly=True):
        return "; use confidence_interval('recommended'), which computes wald-score intervals first"
    n_units = np.inf if boot.n_units is None else boot.n_units
    if not boot.unmeasured() or boot.lacks(Need.STANDARD_ERRORS):
        return ""
    if why_unreliable(Studentized.name, n_units, is_clustered(boot)):
        return ""
    return (
        "; use confidence_interval('studentized'), which measures the replicates' own standard "
        "errors first"
    )


def _doubtful(boot: Sensitivity) -> NDArray[np.bool_]:
    """Whether to show a parameter's quantile-based SE beside its SE, (p,)."""
    diverges = boot.diverges() if boot.data.divergent.any() else np.zeros(len(boot.names), bool)
    return np.asarray((boot.heavy_tails | diverges) & ~boot.flat() & boot.supports_quantiles)


def _listed(boot: Sensitivity, chosen: NDArray[np.bool_]) -> str:
    """List the names of some parameters."""
    return ", ".join(name for name, one in zip(boot.names, chosen, strict=True) if one)


def _row(value: float, error: float, mcse: float, low: float, high: float) -> list[str]:
    """Format one parameter's numbers, with the digits that its standard error supports."""
    if error == 0:
        return [f"{number:.6g}" for number in (value, error, mcse, low, high)]
    cells = [rounded_like(each, error, 3) for each in (value, error, mcse)]
    ends = [rounded_like(end, error, 3) if np.isfinite(end) else f"{end:g}" for end in (low, high)]
    return [*cells, *ends]
