"""Whether whole clusters add up in an objective that takes rows rather than weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.raised import describe_raised
from bootmle.likelihood.additivity import constant_message, measure_response
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.response import Additivity
from bootmle.sampling.resample import Resample

__all__ = ["check_additive"]

_BELONGS = (
    "sampling: Clustered() draws whole clusters, but they do not add up in the objective, though "
    "each copy drawn has labels of its own ({}); does the objective hold constants of the clusters "
    "in a closure? Pass what belongs to a cluster in args, a row each"
)


def check_additive(
    likelihood: Likelihood,
    draw: Callable[[NDArray[np.intp]], Resample],
    shape: tuple[int, int],
    have_meaning: bool,
    points: Sequence[Floats],
    whole: Sequence[float],
) -> None:
    """Refuse an objective to which a cluster drawn twice is not two."""
    # ``shape`` counts clusters and rows, and ``have_meaning`` says whether labels are more than
    # that.

    def part(clusters: NDArray[np.intp]) -> Likelihood:
        resample = draw(clusters)
        assert resample.rows is not None
        taken = likelihood.resampled(resample.rows)
        return taken.with_args(resample.of(likelihood.args))

    try:
        response = measure_response(part, *shape, points, whole)
    except Exception as error:  # the user's code may raise anything
        shown = f"on half of the clusters it raised {describe_raised(error)}"
        raise ValueError(_BELONGS.format(shown)) from error
    if response.kind is Additivity.CONSTANT:
        raise ValueError(constant_message(response.evidence))
    depends = response.kind is Additivity.EXCHANGEABLE and have_meaning
    if response.kind is Additivity.GROUPED or depends:
        raise ValueError(_BELONGS.format(response.evidence))
