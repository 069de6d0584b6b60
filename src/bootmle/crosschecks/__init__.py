"""The cross-check: every standard error beside the bootstrap's, and why they disagree."""

from bootmle.crosschecks.check import crosscheck
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.report import Crosscheck

__all__ = ["Crosscheck", "Flag", "Verdict", "crosscheck"]
