"""Searches that stop where their budget of evaluations is spent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from bootmle.display.text import rounded
from bootmle.execution.budget import SpentError, budget
from bootmle.fitting.scipy_search import ScipySearch
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import Whitening

__all__ = ["within_budget"]

_LEAST = 200
"""Evaluations that every search may take: a regular one takes about 70 with two parameters, and
130 with four."""

_SPENT = (
    "no optimum was certified within {most:,} evaluations, in the last half of which the nll fell "
    "by {fall}; the lowest point reached is shown. Where the nll hardly falls along a curve, the "
    "data do not tell its points apart: fix a parameter ({how}), or choose a model with fewer"
)


@contextmanager
def within_budget(search: ScipySearch) -> Iterator[None]:
    """Stop a search at its lowest point where the budget of this block, if any, is spent."""
    given = budget()
    if given is None or np.isfinite(given.stop):  # without one, or inside of another search
        yield
        return
    before, given.stop = given.spent, max(given.whole, given.spent + _LEAST)
    halfway = search.likelihood.calls.n + int(given.stop - before) // 2
    try:
        yield
    except SpentError:
        given.stop = np.inf
        _stop(search, halfway, given.whole)
    finally:
        given.stop = np.inf


def _stop(search: ScipySearch, halfway: int, whole: int) -> None:
    """Stand at the lowest point, and say by how much the nll fell since halfway there."""
    search.likelihood = replace(search.likelihood, parameters=search.parameters)
    low = search.best_params
    if low is None or search.scipy.lowest < search.best:
        best = search.start() if search.scipy.best is None else search.scipy.best
        low = search.parameters.to_user(best)
    earlier = [nll for count, nll in search.lows if count <= halfway]
    search.working = search.parameters.to_working(low)
    search.nll, search.held = search.likelihood.total(low), np.empty(0, dtype=np.intp)
    fall = min(earlier, default=search.scipy.first) - search.nll
    search.information = search.measure()
    search.whitening = Whitening(search.working, np.eye(search.working.size))
    search.status, search.decrement = Status.NOT_CERTIFIED, np.inf
    search.infinite = np.empty(0, dtype=np.intp)
    how = search.likelihood.how_to_fix
    search.notes[:] = [_SPENT.format(most=whole, fall=rounded(fall), how=how)]
