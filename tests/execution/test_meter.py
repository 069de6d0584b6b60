"""Steps that no replicate counts: forecast once they are measured, then a line a minute."""

import time
from typing import Any

import numpy as np
import pytest

from bootmle import bootstrap, crosscheck, fit
from bootmle.execution import meter
from bootmle.execution.ahead import seconds_ahead
from bootmle.execution.meter import count_evaluations, watched_step

Capture = pytest.CaptureFixture[str]


def wait_for(what: str, capsys: Capture) -> str:
    """Wait until a line says this."""
    told, patience = "", time.monotonic() + 10
    while what not in told and time.monotonic() < patience:
        time.sleep(0.01)
        told += capsys.readouterr().err
    assert what in told
    return told


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look every 10 ms, and take whatever lasts 0 s for long."""
    monkeypatch.setattr(meter, "LOOK", 0.01)
    monkeypatch.setattr(meter, "LONG", 0.0)
    monkeypatch.setattr(meter, "tell_apart", lambda seconds: seconds > 0.1)
    monkeypatch.setattr(meter, "is_watched", lambda: False)


@pytest.mark.usefixtures("hasty")
def test_a_step_is_forecast_and_its_evaluations_are_counted(capsys: Capture) -> None:
    with watched_step("lattice", True, 700):
        count_evaluations(2)
        time.sleep(0.05)
        assert "evaluations" not in capsys.readouterr().err, "too few to know how long it takes"
        count_evaluations(5)
        first = wait_for("lattice: about 700 evaluations, ", capsys)
        told = first + wait_for("lattice: 7 evaluations in", capsys)
    assert told.count("about 700") == 1


@pytest.mark.usefixtures("hasty")
def test_fit_expansion_and_crosscheck_show_their_evaluations(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "tell_apart", lambda seconds: True)
    pause = [0.0]

    def nll(params: Any, y: Any) -> Any:
        time.sleep(pause[0])
        return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2

    y, start = np.random.default_rng(0).normal(size=60), {"mu": 0.1, "log_sd": 0.1}
    pause[0] = 0.001
    mle = fit(nll, start, args=y, progress=True)
    assert "fit: about 130 evaluations, " in (told := capsys.readouterr().err)
    assert " fit: " in told
    pause[0] = 0.004
    boot = bootstrap(mle, n_resamples=40, rng=0, progress=True)
    assert " shared expansion: " in capsys.readouterr().err
    crosscheck(boot, progress=True, profile=True)
    assert " crosscheck: " in capsys.readouterr().err
    fit(nll, start, args=y, progress=False)
    crosscheck(boot)
    assert capsys.readouterr().err == ""


def test_the_forecast_names_what_it_would_take_otherwise(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = np.random.default_rng(0).normal(size=60)
    mle = fit(lambda p, y: p[1] + 0.5 * ((y - p[0]) / np.exp(p[1])) ** 2, [0.1, 0.1], args=y)
    object.__setattr__(mle, "seconds_per_evaluation", 1.0)
    bootstrap(mle, n_resamples=600, rng=0, progress=True)
    first = capsys.readouterr().err.splitlines()[0]
    # 10 points of the lattice, 0.63 · 6 · 1.4 (1 + 20 · 2/60) = 8.82 evaluations of all rows for
    # each refit, 220 for alarms; 10, 40 to 600 · 900 · (2/60)² = 600 refits, and 60 for the
    # others.
    assert first == (
        "600 refits: about 92.0 min on 1 core, 5,522 evaluations; "
        'refit="corrected": about 7.0 min to 89.4 min'
    )


def test_a_total_that_needs_several_rows_is_forecast_whole(capsys: Capture) -> None:
    def total(params: Any, y: Any) -> float:
        if len(y) < 2:
            raise ValueError("a single row")
        return float((params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2).sum())

    mle = fit(total, [0.1, 0.1], args=np.random.default_rng(0).normal(size=60))
    object.__setattr__(mle, "seconds_per_evaluation", 1.0)
    bootstrap(mle, n_resamples=20, rng=0, progress=True)
    told = capsys.readouterr().err
    assert "20 refits: about " in told
    assert "corrected" not in told
    with pytest.raises(ValueError, match="it raised ValueError: a single row"):
        bootstrap(mle, n_resamples=20, rng=0, refit="corrected", progress=True)


def test_an_evaluations_time_is_that_of_most_not_of_one_that_had_to_wait() -> None:
    y, calls = np.random.default_rng(0).normal(size=60), [0]

    def nll(params: Any, y: Any) -> Any:
        calls[0] += 1
        time.sleep(0.03 if calls[0] % 5 == 0 or calls[0] > 40 else 0.0)
        return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2

    assert fit(nll, [0.1, 0.1], args=y).seconds_per_evaluation < 0.01


def test_points_on_workers_are_forecast_where_they_save_more_than_starting_them_takes() -> None:
    assert seconds_ahead(60.0, 2) == 30.0
    assert seconds_ahead(3.0, 2) == 3.0
    assert seconds_ahead(60.0, 1) == 60.0
