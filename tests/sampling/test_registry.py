"""Plans read back from their text."""

from functools import partial

import numpy as np
import pytest

from bootmle import Bayesian, Blocks, Cases, Clustered, Estimator, Jackknife, Subsample
from bootmle.sampling import Plan, read_plan
from bootmle.sampling.digests import digest, name_of

PLANS = [Cases(), Cases(size="poisson"), Bayesian(), Subsample(0.5), Subsample(7)]
PLANS += [Blocks(3.5), Blocks(4, kind="moving"), Blocks()]


@pytest.mark.parametrize("plan", PLANS, ids=repr)
def test_a_plan_without_data_of_its_own_is_read_back(plan: Plan) -> None:
    assert read_plan(repr(plan)) == plan


OTHERS = [repr(Clustered(["a", "b"])), repr(Clustered("firm")), "Given(indices of 3 resamples)"]
OTHERS += ["Parametric(simulate)", "Cases", "Cases(3)", "Unknown()", "Blocks(length=-1)", "1 +"]


@pytest.mark.parametrize("text", OTHERS)
def test_any_other_text_is_no_plan(text: str) -> None:
    assert read_plan(text) is None


def test_functions_are_named_without_their_address() -> None:
    assert name_of(partial(np.add, 1)).startswith("partial(add, ")
    assert name_of(partial(np.add, 1)) == name_of(partial(np.add, 1))
    assert name_of(partial(np.add, 1)) != name_of(partial(np.add, 2))
    assert name_of(Jackknife.draw) == "Jackknife.draw"


def test_runs_on_disk_are_those_of_the_same_plan_in_later_versions() -> None:
    """The digests that version 0.1.0 wrote: of its plans' fields, in their order."""
    mle = Estimator(np.mean, np.arange(4.0))
    assert Cases().description(mle) == f"Cases() {digest([])}"
    labels = np.array([7, 7, 8, 8])
    codes, members = np.array([0, 0, 1, 1]), (np.array([0, 1]), np.array([2, 3]))
    held = [labels, None, None, codes, members, (np.arange(2),), None]
    assert Clustered(labels).description(mle) == f"Clustered(2 clusters) {digest(held)}"
