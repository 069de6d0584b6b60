"""The cross-check: every standard error beside the bootstrap's, and why they disagree."""

from bootmle.crosschecks.check import Crosscheck, crosscheck
from bootmle.crosschecks.verdicts import Flag, Verdict

__all__ = ["Crosscheck", "Flag", "Verdict", "crosscheck"]
