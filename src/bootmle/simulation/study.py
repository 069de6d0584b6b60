"""The Coverage: a simulation study as text, data frame and picture, and read from disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bootmle.crosschecks import Flag
from bootmle.display import html
from bootmle.display.checks import read_path
from bootmle.display.encoding import printable
from bootmle.display.known_names import refuse_attribute
from bootmle.display.text import data_frame
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.alarm_kinds import AlarmKind
from bootmle.simulation.measures import Measures
from bootmle.simulation.simulated_fits import SimulatedFits, count_names
from bootmle.simulation.stored import read_study
from bootmle.simulation.study_plot import plot_coverage
from bootmle.simulation.study_text import study_html, study_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["Coverage", "study_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Coverage(Measures):
    """A simulation study of a model at a known truth, as `coverage` returns it.

    Attributes
    ----------
    names : tuple of str
        The k quantities: the parameters, then the derived ones.
    truth : (k,) array
        Their true values.
    data : SimulatedFits
        The results of every data set.
    sources : tuple of str
        Sources of the standard errors.
    methods : tuple of str
        Methods of the intervals.
    confidence_level : float
    n_resamples : int
        Replicates of each data set; 1 in a warp study, which pools them over the data sets.
    sampling : str
    seed : int
    seconds : float
    stopped : str
        What stopped the study before its last data set; empty if nothing did.
    notes : tuple of str
    """

    if not TYPE_CHECKING:
        __getattr__ = refuse_attribute

    @classmethod
    def load(cls, *paths: str | Path) -> Coverage:
        """Read a study from its directories, finished or not; notes name what is missing.

        Parameters
        ----------
        *paths : str or Path
            Directories passed as ``checkpoint`` to `coverage`, each with a part of the study.

        Returns
        -------
        Coverage
            Merged parts equal the undivided study bit for bit.

        Raises
        ------
        ValueError
            For directories without a study, parts of different studies, or a study stored by a
            version whose kinds of flags this one does not know.
        """
        if not paths:
            raise ValueError("paths: name at least one directory")
        merged = read_study([read_path("paths", path, "a directory") for path in paths])
        remarks = [merged.missing] if merged.missing else []
        return study_of(merged.manifest["record"], merged.data, merged.seconds, remarks)

    def to_frame(self) -> DataFrame:
        """Return coverage and lengths as a pandas DataFrame, a row for each quantity and method."""
        figures: dict[str, Mapping[str, Floats]] = {
            "coverage": self.coverage,
            "coverage_mcse": self.coverage_mcse,
            "below": self.below,
            "below_mcse": self.below_mcse,
            "above": self.above,
            "above_mcse": self.above_mcse,
            "mean_length": self.mean_length,
            "mean_length_mcse": self.mean_length_mcse,
            "withheld": self.withheld,
        }
        columns = {
            name: np.concatenate([values[method] for method in self.methods])
            for name, values in figures.items()
        }
        return data_frame(columns, {"method": self.methods, "name": self.names})

    def plot(self, ax: Axes | None = None) -> tuple[Figure, Axes]:
        """Plot each method's coverage of each quantity, with error bars, against the nominal level.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new pyplot figure by default.

        Returns
        -------
        Figure, Axes

        Raises
        ------
        ImportError
            Without matplotlib: pip install "bootmle[plot]".
        ValueError, TypeError
            For an ``ax`` that is not one Axes.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from bootmle import coverage, fit
        >>> y = np.random.default_rng(0).exponential(2.0, 30)
        >>> mle = fit(lambda params, y: np.log(params[0]) + y / params[0], {"mean": 1.0}, args=y)
        >>> simulate = lambda params, rng, y: rng.exponential(params[0], y.size)
        >>> study = coverage(mle, simulate, n_datasets=4, methods=["hessian"], rng=0)
        >>> figure, panel = study.plot(Figure().subplots())
        >>> [label.get_text() for label in panel.get_yticklabels()]
        ['mean']
        """
        return plot_coverage(self, ax)

    def __str__(self) -> str:
        """Show the tables and a sentence for each quantity."""
        return printable(study_text(self))

    _repr_pretty_ = html.print_at_prompt

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        return study_html(self)


def study_of(
    record: Mapping[str, Any],
    data: SimulatedFits,
    seconds: float,
    remarks: Sequence[str] = (),
    stopped: str = "",
) -> Coverage:
    """Make a study of its record and its data sets; remarks are added to its notes."""
    for stored, kinds in ((data.flags, Flag), (data.alarms, AlarmKind)):
        unknown = sorted(set(count_names(stored)) - set(kinds.__members__))
        if unknown:
            raise ValueError(
                f"{kinds.__name__}: the study has {', '.join(unknown)}, which this version does "
                f"not know; read it with the version that wrote it, or a later one"
            )
    return Coverage(
        names=tuple(record["names"]),
        truth=np.array(record["truth"], dtype=float),
        data=data,
        sources=tuple(record["sources"]),
        methods=tuple(record["methods"]),
        confidence_level=record["confidence_level"],
        n_resamples=record["n_resamples"],
        sampling=record["sampling"],
        seed=int(record["seed"]),
        seconds=seconds,
        stopped=stopped,
        notes=(*record["notes"], *remarks),
    )
