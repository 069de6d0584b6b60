"""The cross-check: every standard error beside the bootstrap's, and why they disagree."""

from bootmle.crosschecks.check import crosscheck
from bootmle.crosschecks.comparison import Crosscheck
from bootmle.crosschecks.flags import Flag, Verdict

__all__ = ["Crosscheck", "Flag", "Verdict", "crosscheck"]
