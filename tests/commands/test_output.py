"""What the command line prints: in any encoding, and into pipes that nobody reads."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bootmle import bootstrap, crosscheck, fit
from bootmle.commands.cli import main
from bootmle.commands.output import NOT_WRITTEN

JOB = """
import numpy as np
from bootmle import Estimator

def both(y):
    return {"mean": y.mean(), "\\u03b2": 1000 * y.std()}

model = Estimator(both, np.random.default_rng(1).normal(size=30))
"""
# Each command in a process of its own, which ends as any does; they share what is imported.
CODE = """
import json, os, sys
from bootmle.commands.cli import main

ended = []
for command in json.loads(sys.argv[1]):
    process = os.fork()
    if not process:
        sys.exit(main(command))
    ended.append(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
with open(sys.argv[2], "w") as file:
    json.dump(ended, file)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The arguments of a run that is finished."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "job.py").write_text(JOB, encoding="utf-8")
    return ["run", f"{folder / 'job.py'}:model", "--out", str(folder / "a"), "-n", "64"]


def commands(run: list[str]) -> list[list[str]]:
    out = run[3]
    return [run, ["report", out], ["report", out, "--csv"], ["status", out], ["--help"]]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_table_is_printed_in_any_encoding(
    encoding: str, run: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
    for command in commands(run)[:4]:
        assert main(command) == 0
    shown = written.getvalue().decode(encoding)
    plus_minus = "+- MC" if encoding == "ascii" else "± MC"
    name = "β" if encoding == "utf-8" else r"\u03b2"
    assert plus_minus in shown
    assert any(line.startswith(f"{name} ") for line in shown.splitlines())
    assert any(line.startswith(f"{name},") for line in shown.splitlines()), "the CSV"
    assert sys.stdout.errors == "strict", "as it was before"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGPIPE")
@pytest.mark.parametrize("merged", [True, False])
def test_a_reader_that_leaves_ends_the_command_quietly(
    merged: bool, run: list[str], tmp_path: Path
) -> None:
    main(run)
    reader, writer = os.pipe()
    os.close(reader)
    errors = writer if merged else subprocess.PIPE
    code = [sys.executable, "-c", CODE, json.dumps(commands(run)), str(tmp_path / "ended")]
    ended = subprocess.run(code, stdout=writer, stderr=errors, text=True, check=True)
    os.close(writer)
    # argparse prints its help without complaint whoever reads it.
    assert json.loads((tmp_path / "ended").read_text()) == [141, 141, 141, 141, 0]
    assert not (ended.stderr or "").strip()


def test_a_run_survives_that_nobody_reads_its_progress(tmp_path: Path) -> None:
    code = (
        "import numpy as np\n"
        "from bootmle import Estimator, bootstrap\n"
        "mean = Estimator(np.mean, np.arange(9.0))\n"
        "mean.seconds = 36.0\n"
        "print(len(bootstrap(mean, n_resamples=99, rng=0, progress=True).data))\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writer, text=True, check=False
    )
    os.close(writer)
    assert ended.stdout == "99\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_a_full_disk_ends_the_command_with_a_line(
    run: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in commands(run)[:4]:
        with open("/dev/full", "w") as full, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", full)
            with pytest.raises(SystemExit) as status:
                main(command)
        assert status.value.code == NOT_WRITTEN
        assert "cannot write the output (No space left on device)" in capsys.readouterr().err


def test_results_print_in_ascii_without_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def nll(params: Any, y: Any) -> Any:
        return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2

    y = np.random.default_rng(0).normal(1.0, 2.0, 60)
    mle = fit(nll, {"\u03b2": 0.5, "log_sd": 0.5}, args=y)
    boot = bootstrap(mle, n_resamples=99, rng=0)
    results = [mle, mle.information, boot, boot.influence(), crosscheck(boot)]
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    for result in [*results, mle.summary(), boot.summary()]:
        assert str(result).isascii()
    assert "+- MC" in str(boot)
    assert r"\u03b2" in str(boot)
