"""Plans read back from their text, where it says all there is to them."""

from __future__ import annotations

import ast

from bootmle.sampling.bayesian import Bayesian
from bootmle.sampling.blocks import Blocks
from bootmle.sampling.cases import Cases
from bootmle.sampling.plan import Plan
from bootmle.sampling.subsample import Subsample

__all__ = ["read_plan"]

_PLANS: dict[str, type[Plan]] = {
    plan.__name__: plan for plan in (Bayesian, Blocks, Cases, Subsample)
}


def read_plan(text: str) -> Plan | None:
    """Read a plan without data of its own; None for any other text.

    Examples
    --------
    >>> read_plan("Blocks(length=3.5, kind='stationary')")
    Blocks(length=3.5, kind='stationary')
    >>> read_plan("Clustered(12 clusters)") is None
    True
    """
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return None
        options = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        return _PLANS[call.func.id](**options)
    except (KeyError, SyntaxError, TypeError, ValueError):
        return None
