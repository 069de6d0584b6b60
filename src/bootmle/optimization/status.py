"""What became of a fit or a refit."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Status"]


class Status(IntEnum):
    """What became of a fit; negative values are failures, whose estimates are NaN.

    Examples
    --------
    >>> Status.CERTIFIED.message
    'certified optimum'
    >>> Status.RAISED.failed
    True
    """

    CERTIFIED = 0
    CERTIFIED_BY_FALLBACK = 1
    AT_BOUND = 2
    NO_FINITE_OPTIMUM = 3
    NOISE_LIMITED = 4
    NOT_IDENTIFIED = 5
    EXPANDED = 6
    ESTIMATED = 7
    VERIFIED = 8
    LINEAR = 9
    NOT_CERTIFIED = -1
    NOT_FINITE = -2
    RAISED = -3
    WORKER_DIED = -4
    TIMED_OUT = -5

    @property
    def failed(self) -> bool:
        """Whether there is no estimate."""
        return self < 0

    @property
    def has_optimum(self) -> bool:
        """Whether the estimate is a finite optimum, or the user's own.

        Examples
        --------
        >>> Status.AT_BOUND.has_optimum, Status.NO_FINITE_OPTIMUM.has_optimum
        (True, False)
        """
        return not (self.failed or self is Status.NO_FINITE_OPTIMUM)

    @property
    def converged(self) -> bool:
        """Whether the estimate is an optimum that was certified, or what the user's code returned.

        Not where noise hides how far away the optimum is, nor before a refit has verified it.

        Examples
        --------
        >>> [status.name for status in Status if status.converged]  # doctest: +NORMALIZE_WHITESPACE
        ['CERTIFIED', 'CERTIFIED_BY_FALLBACK', 'AT_BOUND', 'NOT_IDENTIFIED', 'ESTIMATED',
         'VERIFIED']
        """
        return self.has_optimum and self not in _UNPROVEN

    def __str__(self) -> str:
        """Return the status in words."""
        return self.message

    @property
    def message(self) -> str:
        """The status in words."""
        return _MESSAGES[self]

    @property
    def withheld(self) -> str:
        """Why no standard error follows from the curvature there; empty where one does.

        Examples
        --------
        >>> Status.NOT_CERTIFIED.withheld
        'no standard error follows where no optimum is certified'
        """
        if self is Status.AT_BOUND:
            return "no standard error follows from the curvature at a bound"
        if self is Status.NO_FINITE_OPTIMUM:
            return "no standard error follows where there is no optimum"
        return "no standard error follows where no optimum is certified" if self.failed else ""


_UNPROVEN = {Status.NOISE_LIMITED, Status.EXPANDED, Status.LINEAR}
"""Statuses of optima that no certificate stands for."""

_MESSAGES = {
    Status.CERTIFIED: "certified optimum",
    Status.CERTIFIED_BY_FALLBACK: "certified optimum, reached by the SciPy fallback",
    Status.AT_BOUND: "optimum at a bound or constraint",
    Status.NO_FINITE_OPTIMUM: "no finite optimum: the likelihood keeps rising",
    Status.NOISE_LIMITED: "converged to the noise level of the objective",
    Status.NOT_IDENTIFIED: "optimum, with directions that the data do not identify",
    Status.EXPANDED: "optimum of the shared expansion, not verified",
    Status.ESTIMATED: "returned by the user's estimator",
    Status.VERIFIED: "certified optimum; one of the sample that corrects the expansion",
    Status.LINEAR: "linear step along the scores",
    Status.NOT_CERTIFIED: "no certified optimum was reached",
    Status.NOT_FINITE: "the objective is not finite",
    Status.RAISED: "the objective raised an exception",
    Status.WORKER_DIED: "the worker process died",
    Status.TIMED_OUT: "the refit took longer than timeout allows",
}
