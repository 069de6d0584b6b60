"""README.md: its commands, its code, and what it says the code prints."""

import contextlib
import io
import re
import subprocess
import tomllib
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bootmle import Cases, Clustered, bootstrap, fit

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


class Block(NamedTuple):
    """A fenced block: its language, its lines, and the heading it stands under."""

    language: str
    code: str
    heading: str


def fenced(text: str) -> list[Block]:
    """The fenced blocks in their order; a heading inside a block is none."""
    blocks, heading, inside = [], "", None
    for line in text.splitlines():
        if line.startswith("```") and inside is None:
            inside, lines = line[3:].strip(), list[str]()
        elif line.startswith("```"):
            blocks.append(Block(str(inside), "\n".join(lines), heading))
            inside = None
        elif inside is not None:
            lines.append(line)
        elif re.match("#+ ", line):
            heading = line
    return blocks


BLOCKS = fenced(TEXT)
COMMANDS = [
    line
    for block in BLOCKS
    if (block.language, block.heading) == ("sh", "## Install")
    for line in block.code.splitlines()
]
PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run_all(blocks: list[Block]) -> dict[int, str]:
    """Run the Python blocks in one namespace, and return what each printed by its position."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = {}
    for position, block in enumerate(blocks):
        if block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as shown:
                exec(compile(block.code, f"README block {position}", "exec"), namespace)
            printed[position] = shown.getvalue()
    return printed


def without_timing(output: str) -> str:
    return re.sub(r"; [\d.]+ (ms|s|min|h); ", "; (a time); ", output.rstrip())


def test_every_python_block_runs_and_the_first_prints_what_stands_below_it() -> None:
    printed = run_all(BLOCKS)
    first = min(printed)
    below = BLOCKS[first + 1]
    assert below.language == "text"
    assert "(a time)" in without_timing(below.code)
    assert without_timing(printed[first]) == without_timing(below.code)


def test_blocks_are_closed_and_have_a_language() -> None:
    assert TEXT.count("```") == 2 * len(BLOCKS)
    assert {block.language for block in BLOCKS} <= {"sh", "python", "text"}


def test_two_commands_install_and_run_the_demo_and_the_tests() -> None:
    # The continuous integration runs exactly these two lines, each by itself.
    demo, tests = COMMANDS
    assert "-m venv .venv && .venv/bin/pip install . && " in demo
    assert demo.endswith("/bootmle demo")
    assert tests.startswith(".venv/bin/pip install '.[test]' && ")
    assert tests.endswith("/pytest")


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_valid_shell(command: str) -> None:
    assert subprocess.run(["bash", "-n", "-c", command], check=False).returncode == 0


def test_what_the_text_installs_and_calls_exists() -> None:
    extras = set(re.findall(r"\.\[(\w+)\]", TEXT))
    assert "test" in extras
    assert extras <= PROJECT["optional-dependencies"].keys()
    programs = {line.rpartition("&& .venv/bin/")[2].split()[0] for line in COMMANDS}
    assert programs == {"bootmle", "pytest"}
    assert "bootmle" in PROJECT["scripts"]
    assert any(each.startswith("pytest") for each in PROJECT["optional-dependencies"]["test"])


def test_arguments_in_its_tables_exist() -> None:
    named = set(re.findall(r"(\w+)=", "\n".join(re.findall(r"(?m)^\| (`[^|]+`) \|", TEXT))))
    verbs = (fit, bootstrap, Cases, Clustered)
    taken = {name for verb in verbs for name in signature(verb).parameters}
    assert len(named) > 8
    assert named <= taken
