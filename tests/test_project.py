"""The project's own files: its top level, its license, and the scripts in findings/."""

import importlib.metadata
import os
import re
import subprocess
import tomllib
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP = {
    *("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
    *("src", "tests", "benchmarks", "findings"),
}
GENERATED = {"build", "dist", "PKG-INFO", "__pycache__"}
"""What building leaves beside the sources, and what a source distribution adds to them."""
FINDINGS = sorted(ROOT.glob("findings/*"))

if not (ROOT / "pyproject.toml").exists():
    pytest.skip("the tests stand alone, without the project", allow_module_level=True)


def test_the_top_level_holds_the_project_files_and_nothing_else() -> None:
    entries = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert entries - GENERATED <= TOP


def test_the_license_is_declared_and_in_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "BSD-3-Clause"
    assert (ROOT / "LICENSE").read_text().startswith("BSD 3-Clause License\n")
    metadata = importlib.metadata.metadata("bootmle")
    if "License-Expression" in metadata:  # an editable installation may be older than this field
        assert metadata["License-Expression"] == project["license"]
        assert metadata.get_all("License-File") == ["LICENSE"]


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.name)
def test_a_finding_is_a_valid_script_about_pinned_public_packages(path: Path) -> None:
    text = path.read_text()
    assert path.suffix == ".sh"
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
    assert "mktemp -d" in text
    assert re.search(r"[\w-]==?\d", text)
    assert "bootmle" not in text


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "benchmarks/README.md"])
def test_what_the_texts_point_to_exists(name: str) -> None:
    text = (ROOT / name).read_text()
    named = re.findall(r"`((?:[\w.]+/)+[\w.]*|[\w.]+\.(?:py|R|sh))`", text)
    named += [path for path in re.findall(r"\]\(([^)#]+)", text) if "://" not in path]
    folders = [ROOT, (ROOT / name).parent, ROOT / "src", ROOT / "src/bootmle"]
    named = [path for path in named if path != "NAME.sh" and not path.startswith(".")]
    missing = [path for path in named if not any((folder / path).exists() for folder in folders)]
    assert len(named) > 5
    assert missing == []


def test_every_benchmark_is_listed() -> None:
    text = (ROOT / "benchmarks/README.md").read_text()
    patterns = re.findall(r"[\w*]+\.(?:py|R)", text)
    scripts = [path.name for kind in ("*.py", "*.R") for path in ROOT.glob(f"benchmarks/{kind}")]
    assert len(scripts) > 5
    assert [name for name in scripts if not any(map(partial(fnmatch, name), patterns))] == []
