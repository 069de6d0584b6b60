"""The import layers: every module imports only what its place in the flow allows."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import bootmle

ROOT = Path(bootmle.__file__).parent
ORDER = [
    *("display", "execution", "likelihood", "optimization", "fitting", "sampling", "refitting"),
    *("inference", "bootstrapping", "crosschecks", "simulation", "bootmle"),
    *("demo", "commands"),
]
"""The folders, and the package itself; a module imports its own folder and those before it."""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports_of(source: str, module: str, is_package: bool) -> set[str]:
    """The package's own modules that a source imports, function bodies included."""
    package = module if is_package else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            inner = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name if name in PATHS else base for name in inner}
    return {name for name in found if name.partition(".")[0] == "bootmle"}


def folder(module: str) -> str:
    return module.split(".")[1] if "." in module else module


@cache
def graph() -> dict[str, set[str]]:
    return {
        module: imports_of(path.read_text(), module, path.name == "__init__.py")
        for module, path in PATHS.items()
    }


def test_imports_in_function_bodies_and_relative_ones_are_seen() -> None:
    source = "def f():\n    from .search import Search\n    import bootmle.crosschecks, numpy"
    found = imports_of(source, "bootmle.fitting.fit", is_package=False)
    assert found == {"bootmle.fitting.search", "bootmle.crosschecks"}
    assert imports_of("from . import fit", "bootmle.fitting", True) == {"bootmle.fitting.fit"}
    assert imports_of("from bootmle import Cases", "bootmle.commands.cli", False) == {"bootmle"}


def test_the_package_holds_its_folders_and_nothing_else() -> None:
    entries = {path.name for path in ROOT.iterdir()} - {"__pycache__"}
    assert entries == {"__init__.py", "py.typed", *ORDER} - {"bootmle"}
    assert {folder(module) for module in PATHS} == set(ORDER)


def test_a_module_imports_its_own_folder_and_those_before_it() -> None:
    later = {
        (module, name)
        for module, names in graph().items()
        for name in names
        if ORDER.index(folder(name)) > ORDER.index(folder(module))
    }
    assert not later


def test_inference_takes_arrays_and_knows_no_fit() -> None:
    inner = [module for module in PATHS if folder(module) == "inference"]
    outside = {name for module in inner for name in graph()[module] if folder(name) != "inference"}
    assert {name for name in outside if folder(name) != "display"} == {"bootmle.likelihood.arrays"}


def test_there_is_no_import_cycle() -> None:
    TopologicalSorter(graph()).prepare()
    upward = {"bootmle.optimization.status": {"bootmle.bootstrapping.results"}}
    with pytest.raises(CycleError):
        TopologicalSorter({**graph(), **upward}).prepare()


def test_folders_are_not_nested_and_have_no_vague_names() -> None:
    assert all(len(module.split(".")) <= 3 for module in PATHS)
    vague = {"utils", "helpers", "misc", "common", "base", "core"}
    assert not {part for module in PATHS for part in module.split(".")} & vague
