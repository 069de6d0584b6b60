"""Batch jobs from the command line: run, go on, report and status, with their exit codes."""

import csv
import io
import json
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from bootmle import Clustered, Fit, bootstrap, coverage, fit, load
from bootmle.commands.cli import main
from bootmle.commands.run_status import _forecast
from bootmle.optimization.status import Status
from models import logit

JOB = """
import os, signal
import numpy as np
from bootmle import Clustered, Estimator, fit
from models import logit

M = logit(2)
DATA = M.data(90, rng=1)

def nll(params, X, y):
    return M.nll(params, X, y)

def model():
    return fit(nll, M.truth, DATA, names=["const", "x1", "x2"])

ready = Estimator(lambda y: {"mean": y.mean(), "sd": 1000 * y.std()}, np.arange(30.0))
plan = Clustered(np.arange(90) // 3)

class Stopping:
    def __init__(self, at, how):
        self.at, self.how, self.calls = at, how, 0

    def __call__(self, y):
        self.calls += 1
        if self.calls == self.at:
            os.kill(os.getpid(), self.how)
        return [y.mean(), 1000 * y.std()]

interrupted = Estimator(Stopping(100, signal.SIGINT), np.arange(30.0))
terminated = Estimator(Stopping(100, signal.SIGTERM), np.arange(30.0))
failing = Estimator(lambda y: [1.0] if y[0] == 0 and y[1] == 1 else 1 / 0, np.arange(30.0))
number = 3

def nothing():
    return None

def broken():
    return 1 / 0
"""
LINE = "\n"

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def job(tmp_path: Path) -> str:
    path = tmp_path / "job.py"
    path.write_text(JOB)
    return str(path)


def test_a_corrected_run_is_resumed_and_reported(job: str, tmp_path: Path, capsys: Capture) -> None:
    arguments = ["run", f"{job}:model", "--out", str(tmp_path / "a"), "--refit", "corrected"]
    arguments += ["--rng", "0", "-n"]
    assert main([*arguments, "100"]) == 0
    assert main([*arguments, "150"]) == 0
    shown = capsys.readouterr().out
    usual = bootstrap(_usual_fit(), n_resamples=150, rng=0, refit="corrected")
    boot = load(tmp_path / "a")
    assert np.array_equal(boot.replicates, usual.replicates)
    assert np.array_equal(boot.standard_error_mcse, usual.standard_error_mcse)
    assert main(["report", str(tmp_path / "a")]) == 0
    for text in (shown, capsys.readouterr().out):
        assert "verified" in text
    assert main(["status", str(tmp_path / "a")]) == 0
    count = np.sum(boot.status != Status.EXPANDED)
    assert f"150 of 150 replicates (100%)\n{count} of them verified" in capsys.readouterr().out


def _usual_fit() -> Fit:
    """Fit the job's model."""
    model = logit(2)
    return fit(model.nll, model.truth, model.data(90, rng=1), names=["const", "x1", "x2"])


def test_a_run_is_the_bootstrap_of_its_model(job: str, tmp_path: Path, capsys: Capture) -> None:
    out = str(tmp_path / "runs" / "a")
    assert main(["run", f"{job}:model", "--out", out, "-n", "150", "--seed", "0"]) == 0
    shown = capsys.readouterr().out
    usual = bootstrap(_usual_fit(), n_resamples=150, rng=0)
    assert np.array_equal(load(out).replicates, usual.replicates)
    assert shown.split("\n\n")[0] == str(usual).split("\n\n")[0]


def test_plans_and_shards_are_taken_from_the_command(job: str, tmp_path: Path) -> None:
    common = ["run", f"{job}:model", "--sampling", "plan", "-n", "150", "--rng", "0"]
    paths = [str(tmp_path / name) for name in "ab"]
    for i, path in enumerate(paths, 1):
        assert main([*common, "--out", path, "--shard", f"{i}/2"]) == 0
    model = logit(2)
    mle = fit(model.nll, model.truth, model.data(90, rng=1), names=["const", "x1", "x2"])
    usual = bootstrap(mle, sampling=Clustered(np.arange(90) // 3), n_resamples=150, rng=0)
    assert np.array_equal(load(*paths).replicates, usual.replicates)


def test_a_deadline_leaves_work_and_the_same_command_does_it(
    job: str, tmp_path: Path, capsys: Capture
) -> None:
    out = str(tmp_path / "run")
    command = ["run", f"{job}:ready", "--out", out, "-n", "150", "--rng", "0"]
    assert main([*command, "--deadline", "0.000001s"]) == 3
    assert main(["status", out]) == 0
    shown = capsys.readouterr().out
    assert "1 of 150 replicates (1%)" in shown
    assert "none failed" in shown
    assert main(command) == 0
    assert main(["status", out]) == 0
    assert "150 of 150 replicates (100%)" in capsys.readouterr().out


def test_a_study_is_reported_and_its_data_sets_are_counted(tmp_path: Path, capsys: Capture) -> None:
    model, out = logit(2), str(tmp_path / "study")
    mle = fit(model.nll, model.truth, model.data(90, rng=1), names=["const", "x1", "x2"])
    ends = ("percentile", "hessian")
    study = coverage(
        mle, model.simulate, n_datasets=6, n_resamples=39, methods=ends, rng=0, checkpoint=out
    )
    assert main(["status", out]) == 0
    assert "6 of 6 data sets (100%)" in capsys.readouterr().out
    assert main(["report", out]) == 0
    assert capsys.readouterr().out.split("\n\n")[0] == str(study).split("\n\n")[0]
    assert main(["report", out, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["n_datasets"] == 6
    by_name = {(row["name"], row["method"]): row for row in shown["intervals"]}
    for method in study.methods:
        for j, name in enumerate(study.names):
            assert by_name[name, method]["mean_length"] == study.mean_length[method][j]
    assert main(["report", out, "--csv"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith("name,method,coverage")
    assert len(rows) == 3 * len(ends)


@pytest.mark.parametrize("name", ["interrupted", "terminated"])
def test_signals_stop_in_good_order(name: str, job: str, tmp_path: Path, capsys: Capture) -> None:
    out = str(tmp_path / "run")
    assert main(["run", f"{job}:{name}", "--out", out, "-n", "150", "--rng", "0"]) == 3
    done = len(load(out).data)
    assert f"{done} of 150 replicates are done: they are in" in capsys.readouterr().err
    assert 1 <= done < 150


def test_a_process_that_is_told_to_end_ends_with_3(job: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    code = "import sys; from bootmle.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["run", f"{job}:model", "--out", str(out), "-n", "200000", "--rng", "0"]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE)
    while not list(out.glob("piece-*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 3
    assert b"repeat the call to resume" in error


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("number", [], "job.py is 3; name a Fit, an Estimator, or a function"),
        ("gone", [], "has no 'gone'"),
        ("model", ["--sampling", "gone"], "has no 'gone'"),
        ("model", ["--sampling", "number"], "job.py is 3; name a plan"),
        ("ready", ["--refit", "expansion"], "refit: 'expansion'"),
        ("nothing", [], "job.py returned None; return a Fit"),
        (
            "broken",
            [],
            f"job.py, line {JOB.count(LINE)}: raised ZeroDivisionError: division by zero",
        ),
    ],
)
def test_bad_arguments_end_with_2(
    model: str, options: list[str], message: str, job: str, tmp_path: Path, capsys: Capture
) -> None:
    out = str(tmp_path / "run")
    assert main(["run", f"{job}:{model}", "--out", out, *options]) == 2
    assert message in capsys.readouterr().err


def test_a_job_that_is_none_ends_with_2(tmp_path: Path, capsys: Capture) -> None:
    out = str(tmp_path / "run")
    for text, message in (("job.py", "such as job.py:model"), ("no.py:model", "no such file")):
        assert main(["run", text, "--out", out]) == 2
        assert message in capsys.readouterr().err
    assert main(["status", out]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert main(["report", out]) == 2
    assert f"{out} does not exist; name a run" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["run", "job.py:model", "--out", str(tmp_path / "file")]) == 2
    assert "is a file; name a directory" in capsys.readouterr().err


def test_a_run_without_a_replicate_ends_with_1(job: str, tmp_path: Path, capsys: Capture) -> None:
    out = str(tmp_path / "run")
    assert main(["run", f"{job}:failing", "--out", out, "-n", "70", "--rng", "0"]) == 1
    assert "all 70 replicates failed" in capsys.readouterr().err
    assert main(["status", out]) == 0
    assert "70 times: the objective raised an exception" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value", "advice"),
    [
        ("--shard", "0/3", "such as 3/16"),
        ("--shard", "4/3", "such as 3/16"),
        ("--shard", "3", "such as 3/16"),
        ("--deadline", "3x", "or 90m, 3h or 2h30m"),
        ("--deadline", "", "or 90m, 3h or 2h30m"),
        ("-n", "1", "pass 2 or more"),
        ("--jobs", "0", "or -1 for all cores"),
    ],
)
def test_bad_options_name_the_value_and_the_way_out(
    option: str, value: str, advice: str, capsys: Capture
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["run", "job.py:model", "--out", "runs/a", option, value])
    assert stop.value.code == 2
    assert advice in capsys.readouterr().err


@pytest.mark.parametrize("level", ["95", "0", "high"])
def test_a_level_that_is_no_share_is_refused(level: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["report", "runs/a", "--confidence-level", level])
    assert stop.value.code == 2
    assert f"got {level}; pass a level such as 0.95" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("1.5", 1.5), ("90m", 5400.0), ("2h30m", 9000.0), ("1d", 86400.0)],
)
def test_durations(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootmle.commands import run as command

    seen: list[float] = []

    def record(arguments: Namespace) -> int:
        seen.append(arguments.deadline)
        return 0

    monkeypatch.setattr(command, "run", record)
    assert main(["run", "job.py:model", "--out", "runs/a", "--deadline", text]) == 0
    assert seen == [seconds]


@pytest.mark.parametrize("command", ["run", "report", "status", "demo"])
def test_every_command_has_help_with_an_example(command: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"example: bootmle {command} " in capsys.readouterr().out


def test_the_job_file_of_the_help_runs(tmp_path: Path, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    lines = capsys.readouterr().out.partition("job.py such as\n")[2]
    (tmp_path / "job.py").write_text(dedent(lines))
    out = str(tmp_path / "runs" / "a")
    assert main(["run", f"{tmp_path / 'job.py'}:model", "--out", out, "-n", "50"]) == 0
    assert main(["status", out]) == main(["report", out]) == 0
    assert "log_mean" in capsys.readouterr().out


@pytest.fixture
def finished(job: str, tmp_path: Path, capsys: Capture) -> str:
    out = str(tmp_path / "run")
    assert main(["run", f"{job}:model", "--out", out, "-n", "200", "--rng", "0"]) == 0
    capsys.readouterr()
    return out


def test_a_report_has_the_table_and_the_crosscheck(
    finished: str, job: str, capsys: Capture
) -> None:
    assert main(["report", finished, "--model", f"{job}:model"]) == 0
    shown = capsys.readouterr().out
    assert "B = 200 replicates by Cases()" in shown
    assert "SE of  bootstrap" in shown
    assert "hessian: agrees with the bootstrap" in shown


def test_a_report_runs_no_code_that_the_directory_names(
    finished: str, job: str, tmp_path: Path, capsys: Capture
) -> None:
    ran = tmp_path / "ran"
    Path(job).write_text(
        f"import pathlib; pathlib.Path({str(ran)!r}).touch()\n{Path(job).read_text()}"
    )
    for command in ("report", "status"):
        assert main([command, finished]) == 0
    assert not ran.exists()
    assert f"if you trust its file, name it: --model {job}:model" in capsys.readouterr().out
    assert main(["report", finished, "--model", f"{job}:model"]) == 0
    assert ran.exists()
    assert "SE of  bootstrap" in capsys.readouterr().out


def test_a_report_as_csv(finished: str, capsys: Capture) -> None:
    assert main(["report", finished, "--csv", "--confidence-level", "0.9"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    boot = load(finished)
    bounds = boot.confidence_interval(confidence_level=0.9)
    assert [row["name"] for row in rows] == ["const", "x1", "x2"]
    assert [float(row["standard_error"]) for row in rows] == boot.standard_error.tolist()
    assert [float(row["low"]) for row in rows] == bounds.low.tolist()
    assert [float(row["high"]) for row in rows] == bounds.high.tolist()


def test_a_report_as_json(finished: str, job: str, capsys: Capture) -> None:
    assert main(["report", finished, "--json", "--model", f"{job}:model"]) == 0
    text = capsys.readouterr().out
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    boot = load(finished)
    assert [each["bias"] for each in found["parameters"]] == boot.bias.tolist()
    assert found["n_replicates"] == 200
    assert found["status"]["CERTIFIED"] == 200
    assert set(found["crosscheck"]["verdicts"]) >= {"bootstrap", "hessian", "sandwich"}


def test_a_forecast_is_made_of_the_latest_pieces() -> None:
    written = [(at, 64) for at in (0.0, 500.0, *(1000.0 + 10.0 * np.arange(21)))]
    running = _forecast(written, 640, 1205.0)
    assert running.startswith("6.4 refits per second; about 100.0 s left, until ")
    assert _forecast(written, 640, 1300.0) == (
        "6.4 refits per second; not running: the last piece was written 100.0 s ago"
    )
    slow = _forecast([(0.0, 1), (640.0, 64)], 64, 700.0)
    assert slow.startswith("6.0 refits per minute; about 10.7 min left, until ")
    assert _forecast([(5.0, 64)], 64, 700.0) == "no rate yet"
