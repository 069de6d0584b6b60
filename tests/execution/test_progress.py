"""The bar and the forecast: quiet where nobody looks, honest where somebody does."""

import io
import sys
import time
import warnings
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest

from bootmle import Estimator, Status, bootstrap, fit
from bootmle.execution import progress
from bootmle.execution.progress import Progress, announce, shown
from bootmle.refitting.replicates import Replicates
from models import poisson

Capture = pytest.CaptureFixture[str]


def chunk_of(size: int, n_failed: int) -> Replicates:
    status = np.full(size, Status.CERTIFIED, dtype=np.int8)
    status[:n_failed] = Status.RAISED
    none = np.zeros(size, dtype=np.int64)
    return Replicates(np.zeros((size, 2)), status, np.zeros(size), none, none)


def advance(total: int, chunks: list[Replicates], pause: float = 0.0) -> None:
    """Chunks further apart than the tenth of a second that tqdm waits before it draws again."""
    with Progress(total, show=True) as bar:
        for chunk in chunks:
            time.sleep(pause)
            bar.advance(chunk)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let standard error be a terminal."""
    monkeypatch.setattr(progress, "is_watched", lambda: True)


@pytest.mark.usefixtures("terminal")
def test_the_bar_counts_replicates_and_failures(capsys: Capture) -> None:
    advance(12, [chunk_of(4, 1), chunk_of(4, 0), chunk_of(4, 2)], 0.13)
    drawn = capsys.readouterr().err
    for count, failures in ((4, 1), (8, 1), (12, 3)):
        assert any(
            f" {count}/12 " in state and f"{failures} failed" in state
            for state in drawn.split("\r")
        )


@pytest.mark.usefixtures("terminal")
def test_the_bar_is_wiped_at_the_end(capsys: Capture) -> None:
    advance(8, [chunk_of(8, 0)])
    drawn = capsys.readouterr().err
    assert "0/8 " in drawn
    assert drawn.split("\r")[-1].strip() == ""


@pytest.mark.parametrize("progress", [None, True, False])
@pytest.mark.parametrize("closed", [True, False])
def test_without_a_console_nothing_is_shown_and_all_is_computed(
    progress: bool | None, closed: bool, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    console = io.StringIO()
    console.close()
    monkeypatch.setattr(sys, "stderr", console if closed else None)
    mean = Estimator(lambda y: [y.mean(), 1000 * y.std()], args=np.arange(9.0))
    mean.seconds = 36.0  # a forecast is due
    boot = bootstrap(mean, n_resamples=99, rng=0, progress=progress)
    assert len(boot.extend(10, progress=progress).data) == 109
    assert capsys.readouterr().out == ""


def test_a_log_file_gets_a_line_a_minute(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(np.arange(0.0, 400.0, 30.0))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    advance(400, [chunk_of(50, 1) for _ in range(4)])
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    # A forecast from measured refits, then a line a minute; the clock jumps by half of one.
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "50 of 400 refits, 1 failed, about 3.5 min left",
        "150 of 400 refits, 3 failed, about 2.5 min left",
    ]


def test_a_long_run_is_forecast_in_one_line_and_a_short_one_is_not(capsys: Capture) -> None:
    announce(9.9, 9.9, 1999, 1)
    assert capsys.readouterr().err == ""
    announce(90.0, 90.0, 1999, 1)
    assert capsys.readouterr().err == "1,999 refits: about 90.0 s on 1 core\n"
    announce(7200.0, 10_000.0, 10_000, 16)
    captured = capsys.readouterr()
    assert captured.err == "10,000 refits: about 2.0 h to 2.8 h on 16 cores\n"
    assert captured.out == ""


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("n_jobs", "forecast"), [(1, "60.0 min on 1 core"), (2, "30.0 min on 2 cores")]
)
def test_the_forecast_is_calls_times_seconds_by_workers(
    n_jobs: int, forecast: str, capsys: Capture
) -> None:
    mean = Estimator(lambda y: [y.mean(), 1000 * y.std()], args=np.arange(9.0))
    mean.seconds = 36.0
    with joblib.parallel_config(backend="threading"):
        bootstrap(mean, n_resamples=100, rng=0, n_jobs=n_jobs, progress=True)
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == f"100 refits: about {forecast}"
    assert rest


@pytest.mark.usefixtures("terminal")
def test_the_forecast_of_a_likelihood_stands_before_the_bar(capsys: Capture) -> None:
    model = poisson(2)
    mle = fit(model.nll, model.truth, model.data(60, rng=1))
    slow = replace(mle, seconds_per_evaluation=1.0)
    boot = bootstrap(slow, n_resamples=100, rng=0, progress=True)
    drawn = capsys.readouterr().err
    assert drawn.startswith("100 refits: about ")
    assert drawn.index("refits: about") < drawn.index("0/100")
    bootstrap(mle, n_resamples=100, rng=0, progress=True)
    assert "about" not in capsys.readouterr().err
    # A forecast that is meant to help is within a factor of three of the evaluations made.
    minutes = float(drawn.split("about ")[1].split(" min")[0])
    made = boot.n_shared + boot.data.n_evaluations.sum()
    assert made / 3 < 60 * minutes < 3 * made


def test_a_notebook_without_widgets_gets_a_bar_of_text_and_no_warning(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = SimpleNamespace(kernel=1, config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    for name in ("tqdm.auto", "tqdm.autonotebook", "tqdm.notebook"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        advance(3, [chunk_of(3, 0)])
    assert not told
    assert "0/3 " in capsys.readouterr().err


def run(progress: bool | None) -> Any:
    mean = Estimator(lambda y: [y.mean(), 1000 * y.std()], args=np.arange(9.0))
    mean.seconds = 72.0
    return bootstrap(mean, n_resamples=70, rng=0, progress=progress)


def test_nothing_is_printed_where_standard_error_is_no_terminal(capsys: Capture) -> None:
    run(None)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_bar_and_forecast_unless_it_asks_for_quiet(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run(None)
    drawn = capsys.readouterr().err
    assert "70 refits: about" in drawn
    assert "/70 " in drawn
    run(False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("terminal")
def test_the_bar_does_not_change_a_replicate(capsys: Capture) -> None:
    np.testing.assert_array_equal(run(True).replicates, run(False).replicates)
    assert "/70 " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shell", "expected"),
    [(SimpleNamespace(kernel=1), True), (SimpleNamespace(), False), (None, False)],
    ids=["notebook", "terminal of IPython", "imported only"],
)
def test_notebooks_are_told_from_plain_shells(
    shell: Any, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert shown(None) is expected
    assert shown(True) is True
    assert shown(False) is False
