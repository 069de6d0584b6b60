"""The Crosscheck: standard errors from all sources, verdicts, diagnoses and remedies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from bootmle.crosschecks.comparison_plot import plot_crosscheck
from bootmle.crosschecks.diagnoses import Diagnosis
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.profiles import Profile
from bootmle.crosschecks.remedies import Conditioning, Reparameterization
from bootmle.display import html
from bootmle.display.encoding import printable
from bootmle.display.known_names import refuse_attribute
from bootmle.display.text import align, data_frame, rounded, rounded_like
from bootmle.inference.intervals import ConfidenceInterval
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.information import Information

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["Crosscheck"]

_WIDTH = 100
"""Characters in a line."""
_VISIBLE = 1e-4
"""Ratio to a standard error down to which the reference sets its digits: below it they would be
over seven."""
_SAMPLING_ERROR = "± s is the sampling error of a standard error: more replicates do not reduce it"


@dataclass(frozen=True, slots=True, eq=False)
class Crosscheck:
    """Standard errors from all sources, compared with the bootstrap's.

    Attributes
    ----------
    names : tuple of str
        The p parameters.
    estimate : (p,) array
    standard_errors : mapping
        Source to (p,) array; the reference comes first. NaN where a source is withheld.
    sampling_error : (p,) array
        Sampling error s of a standard error estimated from this sample, whatever the method.
    tolerance : mapping
        Source to (p,) array: the difference from the reference within which it agrees,
        2 √(mcse² + s²), with twice s for the OPG.
    mcse : mapping
        Source to (p,) array: Monte Carlo standard errors of the standard errors, 0 where nothing
        is drawn.
    verdicts : mapping
        Source to Verdict.
    diagnoses : tuple of Diagnosis
        What is wrong with the fit or the replicates, whatever the source.
    hessian : Information
        The observed information at the estimate; None of an `Estimator`, which has no likelihood.
    profile : Profile or None
        Profile-likelihood intervals, where requested.
    percentile : ConfidenceInterval or None
        The bootstrap's 95% percentile intervals to compare them with.
    conditioning : Conditioning or None
        How well the data determine all parameters together.
    reparameterizations : tuple of Reparameterization
        Scales on which the Hessian and normal intervals would do better.
    remarks : tuple of str
        What was put right: where SciPy stopped.
    """

    names: tuple[str, ...]
    estimate: Floats
    standard_errors: Mapping[str, Floats]
    sampling_error: Floats = field(repr=False)
    tolerance: Mapping[str, Floats] = field(repr=False)
    mcse: Mapping[str, Floats] = field(repr=False)
    verdicts: Mapping[str, Verdict] = field(repr=False)
    diagnoses: tuple[Diagnosis, ...] = field(repr=False)
    hessian: Information = field(repr=False)
    profile: Profile | None = field(default=None, repr=False)
    percentile: ConfidenceInterval | None = field(default=None, repr=False)
    conditioning: Conditioning | None = field(default=None, repr=False)
    reparameterizations: tuple[Reparameterization, ...] = field(default=(), repr=False)
    remarks: tuple[str, ...] = field(default=(), repr=False)

    if not TYPE_CHECKING:
        __getattr__ = refuse_attribute

    @property
    def flags(self) -> frozenset[Flag]:
        """All flags of verdicts and diagnoses."""
        found = {verdict.flag for verdict in self.verdicts.values() if verdict.flag is not None}
        return frozenset(found | {each.flag for each in self.diagnoses})

    @property
    def hessian_flags(self) -> dict[str, Flag]:
        """What is wrong with the Hessian's standard errors, by parameter: those that disagree.

        Empty where all agree; ``mle.plot(flags=...)`` colors profiles by it.
        """
        verdict = self.verdicts.get("hessian")
        if verdict is None or verdict.agrees or verdict.flag is None:
            return {}
        errors, reference = (
            self.standard_errors["hessian"],
            next(iter(self.standard_errors.values())),
        )
        with np.errstate(invalid="ignore"):
            agrees = np.abs(errors - reference) <= self.tolerance["hessian"]
        agrees |= (errors == 0) & (reference == 0)
        return {name: verdict.flag for name, one in zip(self.names, agrees, strict=True) if not one}

    def to_frame(self) -> DataFrame:
        """Return estimates, standard errors and their sampling error as a pandas DataFrame."""
        columns = {"estimate": self.estimate, **self.standard_errors}
        columns["sampling_error"] = self.sampling_error
        return data_frame(columns, self.names)

    def plot(self, ax: Axes | None = None) -> tuple[Figure, Axes]:
        """Plot the standard errors from all sources as multiples of the reference's.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new pyplot figure by default.

        Returns
        -------
        Figure, Axes
            A row for each free parameter, and in it a marker for each source, on a logarithmic
            axis. Gray bands show `tolerance`; a marker outside its band is circled and labeled
            with its ratio. The reference has error bars of 2 Monte Carlo standard errors. Withheld
            standard errors are listed at the right edge.

        Raises
        ------
        ImportError
            Without matplotlib: pip install "bootmle[plot]".
        ValueError, TypeError
            For an ``ax`` that is not one Axes.

        Examples
        --------
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> from bootmle import crosscheck, fit
        >>> y = np.random.default_rng(0).poisson(3.0, 300)
        >>> mle = fit(lambda params, y: np.exp(params[0]) - y * params[0], {"rate": 0.0}, args=y)
        >>> figure, panel = crosscheck(mle).plot(Figure().subplots())
        >>> [label.get_text() for label in panel.get_yticklabels()]
        ['rate']
        """
        return plot_crosscheck(self, ax)

    def __str__(self) -> str:
        """Show the tables, a sentence for each source, then diagnoses and remedies."""
        tables = "\n\n".join(align(*each) for each in self._tables())
        return printable("\n".join([tables, "", *map(_wrap, self._lines())]))

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        tables = "".join(html.table(*each) for each in self._tables())
        off = [f"{source}:" for source, verdict in self.verdicts.items() if not verdict.agrees]
        return tables + html.lines(self._lines(), off)

    _repr_pretty_ = html.print_at_prompt

    def _lines(self) -> list[str]:
        """Write a sentence on each source, then the diagnoses and remedies."""
        lines = [_SAMPLING_ERROR]
        lines += [f"{source}: {verdict}" for source, verdict in self.verdicts.items()]
        lines += [*self.remarks, *(f"! {diagnosis}" for diagnosis in self.diagnoses)]
        return lines + self._remedies()

    def _remedies(self) -> list[str]:
        """Write what could be done."""
        lines = [] if self.conditioning is None else [f"conditioning: {self.conditioning}"]
        if self.reparameterizations:
            pairs = ", ".join(f'"{each.name}": "{each.scale}"' for each in self.reparameterizations)
            lines.append(f"to reparameterize: fit(..., transform={{{pairs}}})")
            lines += [f"  {each}" for each in self.reparameterizations]
        return lines

    def _tables(self) -> list[Table]:
        """List the tables: standard errors, and profile intervals where there are any."""
        return [
            *_in_blocks("SE of", self.names, self._errors()),
            *_in_blocks("95% interval", self.names, self._intervals()),
        ]

    def _errors(self) -> list[Group]:
        """List standard errors, with ratios to the reference where they disagree."""
        name, *others = self.standard_errors
        reference = self.standard_errors[name]
        first = [(name, self._flagged(name, self._cells(reference, reference)))]
        first.append(("± s", self._cells(self.sampling_error, reference)))
        groups = [first]
        for source in others:
            cells = self._cells(self.standard_errors[source], reference)
            group = [(source, self._flagged(source, cells))]
            ratios = self._flagged(source, self._ratios(source, reference))
            groups.append([*group, ("", ratios)] if any(ratios) else group)
        return groups

    def _flagged(self, source: str, cells: list[str]) -> list[str]:
        """Mark missing cells and ratios of a source that disagrees."""
        verdict = self.verdicts[source]
        return [
            html.Flagged(cell, verdict.reason)
            if not verdict.agrees and (cell in {"nan", "inf"} or cell.startswith("×"))
            else cell
            for cell in cells
        ]

    def _intervals(self) -> list[Group]:
        """List the profile-likelihood intervals and the percentile ones."""
        if self.profile is None:
            return []
        reference = next(iter(self.standard_errors.values()))
        intervals: dict[str, Profile | ConfidenceInterval] = {"profile": self.profile}
        if self.percentile is not None:
            intervals["percentile"] = self.percentile
        return [
            [
                (f"{name} low", self._cells(interval.low, reference)),
                ("high", self._cells(interval.high, reference)),
            ]
            for name, interval in intervals.items()
        ]

    def _cells(self, errors: Floats, reference: Floats) -> list[str]:
        """Show numbers with as many digits as the reference supports."""
        return [
            rounded_like(one, like if like > _VISIBLE * abs(one) else abs(one), 3)
            if np.isfinite(one)
            else f"{one:g}"
            for one, like in zip(errors, reference, strict=True)
        ]

    def _ratios(self, source: str, reference: Floats) -> list[str]:
        """Show ratios to the reference where they lie outside the tolerance."""
        errors = self.standard_errors[source]
        with np.errstate(all="ignore"):
            ratios = errors / reference
            apart = np.abs(errors - reference) > self.tolerance[source]
        return [
            f"×{f'{ratio:.2f}' if 0.1 <= ratio < 100 else rounded(ratio, 2)}"
            if out and np.isfinite(ratio)
            else ""
            for ratio, out in zip(ratios, apart, strict=True)
        ]


Group = list[tuple[str, list[str]]]
"""Columns that stay together, each a title and its cells."""
Table = tuple[list[str], list[list[str]]]
"""Titles, and rows."""


def _in_blocks(corner: str, names: Sequence[str], groups: Sequence[Group]) -> list[Table]:
    """Lay out groups of columns in as many tables as the width requires."""
    blocks: list[Group] = []
    for group in groups:
        if not blocks or _width(corner, names, blocks[-1] + group) > _WIDTH:
            blocks.append([])
        blocks[-1] = blocks[-1] + group
    return [_lay_out(corner, names, block) for block in blocks]


def _width(corner: str, names: Sequence[str], columns: Group) -> int:
    """Count the characters in the longest line of a table."""
    return max(map(len, align(*_lay_out(corner, names, columns)).splitlines()))


def _lay_out(corner: str, names: Sequence[str], columns: Group) -> Table:
    """Lay out one table, its titles and its rows."""
    rows = zip(names, *(cells for _, cells in columns), strict=True)
    return [corner, *(title for title, _ in columns)], list(map(list, rows))


def _wrap(line: str) -> str:
    """Wrap a sentence, indenting continuation lines."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return fill(line, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)
