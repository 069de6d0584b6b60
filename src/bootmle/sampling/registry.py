"""Plans read from their text, where that says everything, or from their stored labels."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.sampling.labels import members_of, read_codes
from bootmle.sampling.plan import Plan

__all__ = ["read_plan", "restore_plan", "write_labels"]


def read_plan(text: str) -> Plan | None:
    """Read a plan without data of its own; None for any other text."""
    plans = {plan.__name__: plan for plan in _kinds(Plan)}
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            return None
        options = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        return plans[call.func.id](**options)
    except (KeyError, SyntaxError, TypeError, ValueError):
        return None


def write_labels(plan: Plan) -> dict[str, Any] | None:
    """Write a plan with labels as JSON, for `restore_plan`; None for any other plan."""
    if not plan.label_names:
        return None
    options = {each.name: getattr(plan, each.name) for each in fields(plan) if each.init}  # type: ignore[arg-type]
    written = {name: _written(name, value) for name, value in options.items()}
    return {"kind": type(plan).__name__, "options": written}


def restore_plan(stored: Mapping[str, Any], fit: Fit | Estimator) -> Plan | None:
    """Restore a plan for the fit that it was prepared for; None for another fit."""
    kinds = {plan.__name__: plan for plan in _kinds(Plan)}
    try:
        options = {name: _read(value) for name, value in stored["options"].items()}
        plan = kinds[stored["kind"]](**options).prepared(fit)
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return plan if write_labels(plan) == stored else None


def _written(name: str, value: Any) -> Any:
    """Write an option as it is, or labels as their codes."""
    if value is None or isinstance(value, str):
        return value
    codes, labels = read_codes(name, value, again=True), np.asarray(value)
    first = [labels[rows[0]] for rows in members_of(codes)]
    plain = np.array(first, dtype=labels.dtype).tolist()
    return {
        "codes": codes.tolist(),
        "labels": [each if isinstance(each, int | float | str) else str(each) for each in plain],
    }


def _read(value: Any) -> Any:
    """Read what `_written` returned."""
    return np.array(value["labels"])[value["codes"]] if isinstance(value, dict) else value


def _kinds(plan: Any) -> Iterator[type[Plan]]:
    """List all plans that are defined, a user's own among them."""
    for kind in plan.__subclasses__():
        yield kind
        yield from _kinds(kind)
