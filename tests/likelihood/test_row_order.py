"""Data frames and Series whose rows belong together by index, but lie in another order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bootmle import Clustered, Estimator, Stratified, Wild, bootstrap, fit

N = 60
DATA = pd.DataFrame({"y": np.random.default_rng(0).normal(size=N)}, index=np.arange(N) + 7)
LABELS = pd.Series(np.repeat(np.arange(12), 5), index=DATA.index)
SHUFFLED = LABELS.sample(frac=1, random_state=1)


def nll(params: Any, df: pd.DataFrame, *others: Any) -> Any:
    return (df["y"].to_numpy() - params[0]) ** 2 / 2 / np.exp(2 * params[1]) + params[1]


MLE = fit(nll, {"mean": 0.0, "log_sd": 0.0}, args=DATA)


def mean(df: pd.DataFrame, *others: Any) -> float:
    return float(df["y"].mean())


@pytest.mark.parametrize(
    ("call", "label"),
    [
        (lambda: bootstrap(MLE, sampling=Clustered(SHUFFLED), n_resamples=9), "clusters"),
        (lambda: bootstrap(MLE, sampling=Stratified(SHUFFLED), n_resamples=9), "strata"),
        (lambda: bootstrap(MLE, sampling=Wild(SHUFFLED), n_resamples=9), "clusters"),
        (
            lambda: bootstrap(MLE, sampling=Clustered(LABELS // 3, within=SHUFFLED), n_resamples=9),
            "within",
        ),
        (lambda: fit(nll, [0.0, 0.0], args=DATA, weights=SHUFFLED + 1), "weights"),
        (lambda: fit(nll, [0.0, 0.0], args=(DATA, SHUFFLED)), "args"),
        (lambda: Estimator(mean, args=(DATA, {"z": SHUFFLED})), "args"),
    ],
)
def test_rows_in_another_order_are_refused(call: Callable[[], Any], label: str) -> None:
    with pytest.raises(ValueError, match=rf"{label}: the index of .* in another order.*\.reindex"):
        call()


@pytest.mark.parametrize("labels", [LABELS, LABELS.reset_index(drop=True), LABELS.to_numpy()])
def test_rows_in_order_and_other_indexes_go_by_position(labels: Any) -> None:
    found = bootstrap(MLE, sampling=Clustered(labels), n_resamples=9, rng=0).replicates
    expected = bootstrap(MLE, sampling=Clustered(LABELS), n_resamples=9, rng=0).replicates
    assert np.array_equal(found, expected)


def test_an_index_with_repeated_labels_is_no_order() -> None:
    twice = DATA.set_axis(np.repeat(np.arange(N // 2), 2))
    other = pd.Series(1.0, index=twice.index[::-1])
    assert fit(nll, [0.0, 0.0], args=(twice, other)).converged
