"""The Coverage: a simulation study, as a table, a frame and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bootmle.display import html
from bootmle.display.text import import_pandas
from bootmle.likelihood.arrays import Floats
from bootmle.simulation.measures import Measures
from bootmle.simulation.stored import read_study
from bootmle.simulation.study_plot import plot_coverage
from bootmle.simulation.study_text import study_html, study_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Coverage"]


@dataclass(frozen=True, slots=True, eq=False)
class Coverage(Measures):
    """A simulation study of a model at a known truth; attributes as of `Measures`."""

    @classmethod
    def load(cls, *paths: str | Path) -> Coverage:
        """Read the directories of one study at any time; what is missing is named in its notes.

        Parameters
        ----------
        *paths : str or Path
            Directories that ``checkpoint`` named, which hold parts of one study.

        Returns
        -------
        Coverage
            Merged parts are the undivided study, bit for bit.

        Raises
        ------
        ValueError
            For directories that hold no study, or parts of a study that disagree.
        """
        if not paths:
            raise ValueError("paths: name at least one directory")
        return cls(**read_study([Path(path) for path in paths]))

    def to_frame(self) -> Any:
        """Return coverage and lengths as a pandas DataFrame, a row for each quantity and method."""
        pandas = import_pandas()
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
        ends = [self.methods, self.names]
        index = pandas.MultiIndex.from_product(ends, names=["method", "name"])
        return pandas.DataFrame(columns, index=index)

    def plot(self, ax: Axes | None = None) -> tuple[Figure, Axes]:
        """Draw each method's coverage of each quantity, with error bars, against the nominal.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; by default a new figure of pyplot's.

        Returns
        -------
        Figure, Axes

        Raises
        ------
        ImportError
            Without matplotlib: pip install "bootmle[plot]".
        """
        return plot_coverage(self, ax)

    def __str__(self) -> str:
        """Show the tables, and a sentence for each quantity."""
        return study_text(self)

    _repr_pretty_ = html.print_at_prompt

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        return study_html(self)
