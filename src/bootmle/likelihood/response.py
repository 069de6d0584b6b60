"""How an objective depends on its rows, and how it responds to the units that are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

__all__ = ["Additivity", "Response", "Rows"]


class Rows(Enum):
    """How the value of the objective depends on the rows of ``args``."""

    SEPARATE = "each contribution depends on its own row alone"
    EXCHANGEABLE = "contributions depend on all rows, but not on their order"
    ORDERED = "contributions depend on the order of the rows"
    INDIVISIBLE = "the objective cannot be evaluated on some of the rows"
    CLUSTERED = "there are fewer contributions than rows"
    NO_ARGS = "args is empty: the objective contains its data"


class Additivity(Enum):
    """How an objective responds to the units that are drawn."""

    UNTESTED = "its response to the units was not measured"
    ADDITIVE = "the objective is a sum over units"
    CONSTANT_TERM = "the objective is a sum over units and a constant, which moves no optimum"
    PENALTY = "a term belongs to no unit (a penalty or prior): every resample has it once"
    EXTENDED = "a term is the expected number of rows, as in an extended likelihood"
    EXCHANGEABLE = "units depend on one another through statistics of the sample"
    GROUPED = "a unit that is drawn twice does not count as two"
    MEAN = "the objective is a mean over units"
    SQUARE = "the objective grows as the square of the number of rows"
    CONSTANT = "the objective does not change with its data"


@dataclass(frozen=True, slots=True)
class Response:
    """How the objective responds to its units, and the numbers that show it, if any do."""

    # ``beside`` is its value on all of them a standard error from the estimate.

    kind: Additivity = Additivity.UNTESTED
    evidence: str = ""
    beside: float = np.nan
