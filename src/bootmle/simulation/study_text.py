"""A simulation study as text: two tables for a paper, and one sentence for each quantity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bootmle.display import html
from bootmle.display.text import align, duration, rounded, rounded_like
from bootmle.simulation.measures import Measures

__all__ = ["study_html", "study_text"]

_TOLERATED = 0.01
"""Deviation from the nominal coverage that goes unmentioned: the Monte Carlo standard error of the
default 1,000 data sets is √(0.95 · 0.05 / 1000) = 0.7%."""
_MONTE_CARLO = (
    "± MC is the Monte Carlo standard error: the noise of simulating finitely many data sets"
)
_MISSING = "-"
_ALL_FAILED = "no data set could be fitted"

Table = tuple[list[str], list[list[str]]]
"""Titles, and rows."""


def study_text(study: Measures) -> str:
    """Lay out a study as text."""
    if study.n_failed == len(study.data):
        return "\n".join([_ALL_FAILED, *_summary(study)])
    parts = [align(*_errors_table(study)), "", align(*_coverage_table(study)), ""]
    return "\n".join([*parts, *_sentences(study), "", _MONTE_CARLO, *_summary(study)])


def study_html(study: Measures) -> str:
    """Lay out a study for a notebook."""
    if study.n_failed == len(study.data):
        return html.lines([_ALL_FAILED, *_summary(study)])
    tables = html.table(*_errors_table(study)) + html.table(*_coverage_table(study))
    return tables + html.lines([*_sentences(study)]) + html.lines([_MONTE_CARLO, *_summary(study)])


def _errors_table(study: Measures) -> Table:
    """Compare each source's mean standard error with the standard deviation of the estimates."""
    header = ["", "truth", "bias", "± MC", "SD", "± MC"]
    header += ["SE from", "mean/SD", "± MC", "spread/SD"]
    own = (study.truth, study.bias, study.bias_mcse, study.empirical_sd, study.empirical_sd_mcse)
    rows = []
    for j, name in enumerate(study.names):
        for source in study.sources:
            first = source == study.sources[0]
            spread = float(study.empirical_sd[j])
            shown = [_like(float(each[j]), spread) if first else "" for each in own]
            ratios = (study.se_ratio, study.se_ratio_mcse, study.se_spread)
            shares = [_plain(each[source][j]) for each in ratios]
            rows.append([name if first else "", *shown, source, *shares])
    return header, rows


def _coverage_table(study: Measures) -> Table:
    """List the coverage of all intervals, with the two tails apart."""
    header = ["", f"{100 * study.confidence_level:g}% interval", "covers %", "± MC"]
    header += ["truth below %", "± MC", "truth above %", "± MC", "length", "± MC", "withheld %"]
    rows = []
    for j, name in enumerate(study.names):
        for method in study.methods:
            covers = (study.coverage, study.coverage_mcse)
            tails = (study.below, study.below_mcse, study.above, study.above_mcse)
            lengths, spread = (study.mean_length, study.mean_length_mcse), study.empirical_sd[j]
            row = [name if method == study.methods[0] else "", method]
            row += [_percent(each[method][j]) for each in (*covers, *tails)]
            row[2] = _flag(row[2], study, method, j)
            row += [_like(float(each[method][j]), float(spread)) for each in lengths]
            row.append(_percent(study.withheld[method][j]))
            rows.append(row)
    return header, rows


def _flag(shown: str, study: Measures, method: str, j: int) -> str:
    """Mark a coverage that deviates from the nominal one."""
    level, share = study.confidence_level, float(study.coverage[method][j])
    if not abs(share - level) > max(_TOLERATED, 2 * float(study.coverage_mcse[method][j])):
        return shown
    return html.Flagged(shown, f"{'less' if share < level else 'more'} than {level:.0%}")


def _sentences(study: Measures) -> Iterator[str]:
    """Say for each quantity whether its interval can be relied on, and which one to use."""
    for j, name in enumerate(study.names):
        yield _sentence(study, j, name)


def _sentence(study: Measures, j: int, name: str) -> str:
    """Say it for one quantity."""
    first, level = study.methods[0], study.confidence_level
    share, error = float(study.coverage[first][j]), float(study.coverage_mcse[first][j])
    what = f"the {100 * level:g}% {first} interval for {name}"
    if not np.isfinite(share):
        return f"{what} could not be computed"
    covers = f"{what} covers in {share:.1%} ± {error:.1%} of the data sets"
    if abs(share - level) <= max(_TOLERATED, 2 * error):
        return covers
    if share > level:
        return f"{covers}: more than nominal, so it is wider than necessary"
    off = {method: abs(float(study.coverage[method][j]) - level) for method in study.methods}
    off = {
        method: each for method, each in off.items() if np.isfinite(study.mean_length[method][j])
    }
    if not off:
        return f"{covers}, and no other method here does better"
    best = min(off, key=lambda method: off[method] if np.isfinite(off[method]) else np.inf)
    if best == first or off[best] > abs(share - level) - 2 * error:
        return f"{covers}, and no other method here does better"
    return f"{covers}: use {best} ({study.coverage[best][j]:.1%})"


def _summary(study: Measures) -> Iterator[str]:
    """State how many data sets there were, what failed, what was flagged, and the seed."""
    failed = f"{study.n_failed:,} failed" if study.n_failed else "none failed"
    refits = f"{study.n_resamples:,} replicates each by {study.sampling}"
    if study.warp:
        refits = f"one replicate each by {study.sampling}, pooled (warp speed, for a first look)"
    yield (
        f"{len(study.data):,} data sets, {failed}; {refits}; {duration(study.seconds)}; "
        f"seed {study.seed}"
    )
    for reason, times in study.data.reasons.most_common(3):
        yield f"failed {times:,} times: {reason}"
    if study.stopped:
        yield f"stopped before the last data set: {study.stopped}"
    if study.at_bound > 0:
        yield f"{study.at_bound:.1%} of the fits are at a bound"
    lost = int(study.data.n_failed.sum())
    if lost:
        yield f"{lost:,} replicates failed in {int((study.data.n_failed > 0).sum()):,} data sets"
    for what, shares in (("flagged", study.flagged), ("alarm", study.alarmed)):
        yield from (
            f"{what} in {share:.1%} of the data sets: {kind}" for kind, share in shares.items()
        )
    yield from _without_errors(study)
    yield from study.notes


def _without_errors(study: Measures) -> Iterator[str]:
    """State where a source gives no standard error, and what its ratio then refers to."""
    for source, shares in study.se_withheld.items():
        for share in dict.fromkeys(shares[shares > 0].tolist()):
            lost = [name for name, each in zip(study.names, shares, strict=True) if each == share]
            named = "" if len(lost) == len(study.names) else f" for {', '.join(lost)}"
            others = "" if share == 1 else "; mean/SD is over the others"
            yield f"{source}: no standard error{named} in {share:.1%} of the data sets{others}"


def _like(value: float, spread: float) -> str:
    """Show a number with as many digits as the spread supports."""
    if np.isnan(value):
        return _MISSING
    if not np.isfinite(value) or not spread > 0:
        return f"{value:g}"
    return rounded_like(value, spread, 3)


def _plain(value: float) -> str:
    """Show a ratio."""
    if np.isnan(value):
        return _MISSING
    return f"{value:.3f}" if np.isfinite(value) and value < 100 else rounded(float(value), 3)


def _percent(share: float) -> str:
    """Show a share in percent."""
    return f"{100 * share:.1f}" if np.isfinite(share) else _MISSING
