"""What a simulation study says: two tables for a paper, and one sentence for each quantity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bootmle.simulation.findings import Findings
from bootmle.tables import align, duration, rounded, rounded_like

__all__ = ["tell"]

_OFF = 0.01
"""A coverage so much off is worth a word, where it is beyond its Monte Carlo error."""


def tell(study: Findings) -> str:
    """Lay out a study as text."""
    if study.n_failed == len(study.data):
        return "\n".join(["no data set could be fitted", *_how(study)])
    parts = [_errors_table(study), "", _coverage_table(study), ""]
    return "\n".join([*parts, *_sentences(study), "", *_how(study)])


def _errors_table(study: Findings) -> str:
    """Set every source's mean standard error beside the standard deviation of the estimates."""
    header = ["", "truth", "bias", "± MC", "SD", "± MC"]
    for source in study.sources:
        header += [f"{source}/SD", "± MC"]
    rows = []
    for j, name in enumerate(study.names):
        spread = float(study.empirical_sd[j])
        columns = (study.truth, study.bias, study.bias_mcse, study.empirical_sd)
        row = [name, *(_like(float(each[j]), spread) for each in columns)]
        row.append(_like(float(study.empirical_sd_mcse[j]), spread))
        for source in study.sources:
            row += [
                _plain(study.se_ratio[source][j]),
                _plain(study.se_ratio_mcse[source][j]),
            ]
        rows.append(row)
    return align(header, rows)


def _coverage_table(study: Findings) -> str:
    """Set the coverage of all intervals side by side, one tail at a time."""
    level = f"{study.confidence_level:.0%}"
    header = [level, "interval", "covers %", "± MC", "below %", "above %", "length", "flagged %"]
    rows = []
    for j, name in enumerate(study.names):
        for method in study.methods:
            shares = (study.coverage, study.coverage_mcse, study.below, study.above)
            row = [name if method == study.methods[0] else "", method]
            row += [_percent(each[method][j]) for each in shares]
            row.append(_like(float(study.mean_length[method][j]), float(study.empirical_sd[j])))
            row.append(_percent(study.withheld[method][j]))
            rows.append(row)
    return align(header, rows)


def _sentences(study: Findings) -> Iterator[str]:
    """Say of each quantity whether its interval can be relied on, and which one to use."""
    for j, name in enumerate(study.names):
        yield _sentence(study, j, name)


def _sentence(study: Findings, j: int, name: str) -> str:
    """Say it of one quantity."""
    first, level = study.methods[0], study.confidence_level
    share, error = float(study.coverage[first][j]), float(study.coverage_mcse[first][j])
    what = f"the {level:.0%} {first} interval of {name}"
    if not np.isfinite(share):
        return f"{what} could not be computed"
    covers = f"{what} covers {share:.1%} ± {100 * error:.1f}"
    if abs(share - level) <= max(_OFF, 2 * error):
        return covers
    if share > level:
        return f"{covers}: more than it says, and so wider than it need be"
    off = {method: abs(float(study.coverage[method][j]) - level) for method in study.methods}
    best = min(off, key=lambda method: off[method] if np.isfinite(off[method]) else np.inf)
    if best == first or off[best] > abs(share - level) - 2 * error:
        return f"{covers}, and no other method here does better"
    return f"{covers}: use {best} ({study.coverage[best][j]:.1%})"


def _how(study: Findings) -> Iterator[str]:
    """Say how many data sets there were, what failed, what was flagged, and the seed."""
    failed = f"{study.n_failed:,} failed" if study.n_failed else "none failed"
    refits = (
        "one replicate each, pooled (warp-speed: for a first look)"
        if study.warp
        else f"{study.n_resamples:,} replicates each"
    )
    yield (
        f"{len(study.data):,} data sets, {failed}; {refits} by {study.sampling}; "
        f"{duration(study.seconds)}; seed {study.seed}"
    )
    if study.stopped:
        yield f"stopped before the last data set: {study.stopped}"
    if study.at_bound > 0:
        yield f"{study.at_bound:.1%} of the fits are at a bound"
    lost = int(study.data.n_failed.sum())
    if lost:
        yield f"{lost:,} replicates failed in {int((study.data.n_failed > 0).sum()):,} data sets"
    for what, shares in (("flagged", study.flagged), ("alarm", study.alarmed)):
        yield from (f"{what}: {kind}, in {share:.1%}" for kind, share in shares.items())
    yield from study.notes


def _like(value: float, spread: float) -> str:
    """Show a number with the digits that a spread supports."""
    if not np.isfinite(value) or not spread > 0:
        return f"{value:g}"
    return rounded_like(value, spread, 3)


def _plain(value: float) -> str:
    """Show a ratio."""
    return f"{value:.3f}" if np.isfinite(value) and value < 100 else rounded(float(value), 3)


def _percent(share: float) -> str:
    """Show a share in percent."""
    return f"{100 * share:.1f}" if np.isfinite(share) else "-"
