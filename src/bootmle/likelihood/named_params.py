"""Parameters that an objective reads by name, ``params["a"]``, as well as by position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["ByName", "NamedParams", "reads_by_name"]


class NamedParams(np.ndarray[Any, np.dtype[np.float64]]):
    """A parameter vector (p,), or k of them (p, k), that also takes a name as its index."""

    names: tuple[str, ...] = ()

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return np.asarray(self)[key]
        if key not in self.names:
            raise KeyError(f"params has no {key!r}; the names are {list(self.names)}")
        return np.asarray(self)[self.names.index(key)]

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    @classmethod
    def of(cls, params: Floats, names: tuple[str, ...]) -> NamedParams:
        """Name the entries of a vector, without a copy."""
        named = params.view(cls)
        named.names = names
        return named


@dataclass(frozen=True, slots=True)
class ByName:
    """A function of the parameters that is passed them under their names."""

    function: Callable[..., Any]
    names: tuple[str, ...]

    @property
    def __name__(self) -> str:
        """Name of the function."""
        named = getattr(self.function, "__qualname__", None)
        return str(named or type(self.function).__qualname__)

    def __call__(self, params: Floats, *args: Any) -> Any:
        """Call the function; its arguments after the first are passed on."""
        return self.function(NamedParams.of(params, self.names), *args)


def reads_by_name(error: BaseException) -> bool:
    """Whether NumPy refused an index that is a text, at first or below another error."""
    first = error.__cause__ or error
    return isinstance(first, IndexError) and "only integers, slices" in str(first)
