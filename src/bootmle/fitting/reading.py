"""The objective, its data and its parameters' names, as the arguments of `fit` give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bootmle.display.checks import check_flag
from bootmle.likelihood.column_names import names_of_columns
from bootmle.likelihood.data import as_args
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.named_params import ByName, reads_by_name
from bootmle.likelihood.objective import read_likelihood
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.vectorization import check_vectorized

__all__ = ["are_unnamed", "named_by_columns", "read_by_name_too"]


def are_unnamed(x0: Any, names: Any, fixed: Any, transform: Any) -> bool:
    """Whether no argument names the parameters."""
    own = isinstance(x0, Mapping) or hasattr(x0, "to_numpy")
    return names is None and not (own or fixed or isinstance(transform, Mapping))


def named_by_columns(
    fun: Callable[..., Any], args: tuple[Any, ...], parameters: Parameters
) -> tuple[Parameters, tuple[str, ...]]:
    """Name the parameters by the columns that they multiply, with a note, where they do."""
    named = names_of_columns(fun, args, parameters.values)
    if named is None:
        return parameters, ()
    own, places = named
    note = f"parameters are named by the columns of {places} that they multiply (names=X.columns)"
    return replace(parameters, names=own), (note,)


def _read_once(
    fun: Any, args: Any, jac: Any, vectorized: bool, parameters: Parameters, rest: tuple[Any, ...]
) -> Likelihood:
    """Read the objective and its data."""
    if check_flag("vectorized", vectorized):
        fun = check_vectorized(fun, parameters.values, as_args(args), jac)
    weights, missing, kind = rest
    likelihood = read_likelihood(fun, args, jac, weights, parameters, missing, kind)
    likelihood.calls.n += 4 if vectorized else 0
    return likelihood


def read_by_name_too(
    fun: Any, args: Any, jac: Any, vectorized: bool, parameters: Parameters, rest: tuple[Any, ...]
) -> Likelihood:
    """Read the objective, and pass it names with its parameters where it reads them by name."""
    try:
        return _read_once(fun, args, jac, vectorized, parameters, rest)
    except (IndexError, ValueError) as error:
        if not reads_by_name(error):
            raise
    own = ByName(jac, parameters.names) if callable(jac) else jac
    named = ByName(fun, parameters.names)
    return _read_once(named, args, own, vectorized, parameters, rest)
