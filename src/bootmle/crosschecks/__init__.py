"""The cross-check: other standard errors compared with the bootstrap's, and why they differ."""

from bootmle.crosschecks.check import crosscheck
from bootmle.crosschecks.comparison import Crosscheck
from bootmle.crosschecks.flags import Flag, Verdict

__all__ = ["Crosscheck", "Flag", "Verdict", "crosscheck"]
