"""The import layers: every module imports only what its place in the flow allows."""

import ast
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import bootmle

ROOT = Path(bootmle.__file__).parent
MODULES = {
    "foundation": {"arrays", "data", "estimates", "parameters", "resample", "scales"},
    "words": {"html", "status", "tables", "threads"},
    "likelihood": {"dependence", "jacobian", "likelihood", "reading", "vectorization"},
    "derivatives": {"definiteness", "derivatives", "differences", "flatness"},
    "warnings": {"alarms", "audits"},
    "running": {"identity", "precision", "running", "task"},
    "results": {
        *("examination", "inference", "jackknifing", "overview", "results", "spreads"),
    },
    "bootstrapping": {"arguments", "bootstrapping", "checkpointing"},
}
"""Layers of several modules; every other module or folder is a layer of its own name."""

NOTHING = {"foundation", "words"}
TRUNK = {"likelihood", "derivatives", "sampling", "fitting", "replicates"}
RUN = TRUNK | {
    *("execution", "summaries", "pictures", "warnings", "running", "results", "bootstrapping"),
}
MAY_IMPORT: dict[str, set[str]] = {
    "foundation": set(),
    "words": set(),
    "likelihood": set(),
    "derivatives": {"likelihood"},
    "sampling": {"likelihood"},
    "fitting": {"likelihood", "derivatives"},
    "replicates": {"fitting"},
    "execution": {"replicates"},
    "summaries": {"replicates"},
    "pictures": {"replicates", "summaries"},
    "warnings": {"likelihood", "fitting", "replicates"},
    "running": TRUNK | {"execution", "summaries"},
    "results": TRUNK | {"execution", "summaries", "pictures", "warnings", "running"},
    "bootstrapping": RUN,
    "crosschecks": RUN,
    "simulation": RUN | {"crosschecks"},
    "loading": RUN | {"simulation"},
    "adapters": {"likelihood", "fitting"},
    "cli": {"bootmle", "commands", "demo"},
    "commands": RUN | {"crosschecks", "loading", "simulation"},
    "demo": RUN | {"bootmle", "crosschecks", "simulation"},
    "bootmle": RUN | {"crosschecks", "loading", "simulation"},
}
"""The "<-" column of the design; everything may import what imports nothing besides."""


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


def layer_of(module: str) -> str:
    own = module.split(".")[1] if "." in module else module
    return next((layer for layer, modules in MODULES.items() if own in modules), own)


GRAPH = {
    module: imports_of(path.read_text(), module, path.name == "__init__.py")
    for module, path in PATHS.items()
}


def test_imports_in_function_bodies_and_relative_ones_are_seen() -> None:
    source = "def f():\n    from .lockstep import Lockstep\n    import bootmle.crosschecks, numpy"
    found = imports_of(source, "bootmle.fitting.refit", is_package=False)
    assert found == {"bootmle.fitting.lockstep", "bootmle.crosschecks"}
    assert imports_of("from . import fit", "bootmle.fitting", True) == {"bootmle.fitting.fit"}
    assert imports_of("from bootmle import Cases", "bootmle.cli", False) == {"bootmle"}


def test_every_module_has_a_place_in_the_layers() -> None:
    assert len(PATHS) > 20
    assert {layer_of(module) for module in PATHS} <= MAY_IMPORT.keys()


@pytest.mark.parametrize("module", sorted(PATHS))
def test_a_module_imports_only_what_its_layer_may(module: str) -> None:
    own = layer_of(module)
    foreign = {layer_of(name) for name in GRAPH[module]} - {own}
    assert foreign <= MAY_IMPORT[own] | NOTHING


def test_there_is_no_import_cycle() -> None:
    TopologicalSorter(GRAPH).prepare()
    with pytest.raises(CycleError):
        TopologicalSorter({**GRAPH, "bootmle.status": {"bootmle.results"}}).prepare()


def test_nothing_on_the_trunk_and_no_summary_reaches_the_crosschecks() -> None:
    trunk = [module for module in PATHS if layer_of(module) in RUN | NOTHING]
    reached = set(trunk)
    while new := {name for module in reached for name in GRAPH.get(module, ())} - reached:
        reached |= new
    assert not {name for name in reached if layer_of(name) in {"crosschecks", "simulation"}}


def test_folders_are_not_nested_and_have_no_vague_names() -> None:
    assert all(len(module.split(".")) <= 3 for module in PATHS)
    vague = {"utils", "helpers", "misc", "common", "base", "core"}
    assert not {part for module in PATHS for part in module.split(".")} & vague
