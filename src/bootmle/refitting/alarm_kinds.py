"""What replicates can show that the user should know: kinds of alarms, and one alarm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from bootmle.display.encoding import printable
from bootmle.likelihood.arrays import Floats

__all__ = ["Alarm", "AlarmKind"]


class AlarmKind(Enum):
    """What an alarm is about."""

    FIT_NOT_CERTIFIED = "the fit is not a certified optimum"
    BETTER_OPTIMUM = "the fit is not the best optimum"
    UNBOUNDED_LIKELIHOOD = "the likelihood has no maximum"
    OBJECTIVE_SCALE = "the objective is not on the scale of a negative log-likelihood"
    EXCESS_DISTRIBUTION = "replicates lie at an unexpected distance"
    AT_BOUND = "replicates lie at a bound"
    SEVERAL_MODES = "the replicates have more than one mode"
    COLD_REFIT = "SciPy found better optima from the start values"
    NO_SPREAD = "replicates do not vary"
    OFF_CENTER = "replicates lie around another value than the estimate"
    DEPENDENT_ROWS = "the scores of neighboring rows are correlated"
    ORDERED = "the estimates depend on the order of the rows"
    EXPANSION_ERROR = "the expansion is not accurate enough"


@dataclass(frozen=True, slots=True, eq=False)
class Alarm:
    """Something that the replicates show and the user should know.

    Attributes
    ----------
    kind : AlarmKind
    message : str
        One plain sentence.
    names : tuple of str
        The parameters it is about, where it is about some.
    estimate : (p,) array or None
        The refitted estimate, where a better optimum was found.
    """

    kind: AlarmKind
    message: str
    names: tuple[str, ...] = ()
    estimate: Floats | None = None

    def __str__(self) -> str:
        """Show the sentence."""
        return printable(self.message)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        estimate = None if self.estimate is None else self.estimate.tolist()
        return {
            "kind": self.kind.name,
            "message": self.message,
            "names": list(self.names),
            "estimate": estimate,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Alarm:
        """Read what `to_json` returned."""
        estimate = None if stored["estimate"] is None else np.array(stored["estimate"])
        return cls(AlarmKind[stored["kind"]], stored["message"], tuple(stored["names"]), estimate)
