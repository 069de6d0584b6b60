"""The command line: what it prints, its exit status, and what it hands to the demo."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from bootmle import demo
from bootmle.commands.cli import main


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], "examples:\n  bootmle demo"),
        (["demo", "--help"], "example: bootmle demo --n-resamples 499"),
        (["--version"], f"bootmle {version('bootmle')}"),
    ],
)
def test_help_and_version(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    assert expected in capsys.readouterr().out


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: bootmle" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value", "advice"),
    [
        ("--n-resamples", "1", "pass 2 or more"),
        ("--n-jobs", "0", "pass 1 or more, or -1"),
        ("--rng", "-3", "pass 0 or more"),
        ("--rng", "three", "pass an integer"),
    ],
)
def test_bad_values_name_the_option_the_value_and_the_way_out(
    option: str, value: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["demo", option, value])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert option in message
    assert value in message
    assert advice in message


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], (1999, -1, None, 0)),
        (
            ["--n-resamples", "9", "--n-jobs", "2", "--no-progress", "--rng", "4"],
            (9, 2, False, 4),
        ),
    ],
)
def test_demo_gets_the_options(
    arguments: list[str], expected: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(demo, "run", lambda *options: calls.append(options))
    assert main(["demo", *arguments]) == 0
    assert calls == [expected]


def test_the_module_of_the_command_does_not_import_the_demo() -> None:
    code = "import sys, bootmle.commands.cli; sys.exit('bootmle.demo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
