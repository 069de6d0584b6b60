"""The data in ``args``: counting rows, taking rows, detecting changes."""

from __future__ import annotations

import inspect
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from bootmle.display.text import brief

__all__ = [
    "as_args",
    "check_call",
    "check_callable",
    "check_unchanged",
    "count_rows",
    "fingerprint",
    "laid_out",
    "map_leaves",
    "relabeled",
    "take_rows",
    "values_of",
    "walk_leaves",
]

_SPARSE = ("data", "indices", "indptr", "row", "col", "offsets", "coords", "rows")
"""Where SciPy's sparse formats hold their values and structure."""
_BY_ROWS = ("csr", "csc", "lil")
"""SciPy's sparse formats that give rows by their numbers."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
"""The part of an object's text that is another one in each process."""


def as_args(args: Any) -> tuple[Any, ...]:
    """Wrap a bare argument in a tuple, as `scipy.optimize.minimize` does."""
    return args if isinstance(args, tuple) else (args,)


def laid_out(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copy what is not contiguous in memory, as a worker process receives it."""
    # The last bits of products depend on the layout, and results must not depend on n_jobs.
    own: tuple[Any, ...] = map_leaves(lambda _, leaf: _laid_out(leaf), args)
    return own


def _laid_out(leaf: Any) -> Any:
    """Copy one leaf unless its rows are contiguous; of a data frame, its columns."""
    if _is_sparse(leaf) and leaf.format == "dia":  # other rows have far more diagonals
        return leaf.tocsr()
    if isinstance(leaf, np.ndarray):
        return leaf if leaf.flags.c_contiguous else leaf.copy(order="C")
    if hasattr(leaf, "iloc") and hasattr(leaf, "copy"):
        columns = [leaf.iloc[:, k] for k in range(leaf.shape[1])] if leaf.ndim > 1 else [leaf]
        parts = [column.to_numpy() for column in columns]
        return leaf if all(part.flags.c_contiguous for part in parts) else leaf.copy()
    return leaf


def check_callable(fun: Any) -> None:
    """Refuse an objective that is no function; a formula is answered with what takes one."""
    if isinstance(fun, str):
        raise TypeError(
            f"fun: got {fun!r}, and no formula is taken; pass the negative log-likelihood, "
            f"fit(nll, x0, args=(y, X)) with nll(params, y, X), or a model that statsmodels "
            f"fitted, fit_statsmodels(smf.logit('y ~ x', df).fit())"
        )
    if not callable(fun):
        raise TypeError(f"fun: {brief(fun)} is not callable; pass the negative log-likelihood")


def check_call(
    argument: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    before: Sequence[str] = (),
    keywords: Sequence[str] = (),
) -> None:
    """Refuse a function that cannot be called with ``before``, the data, and ``keywords``."""
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # some callables have no signature to inspect
        return
    try:
        signature.bind(*before, *args, **dict.fromkeys(keywords))
    except TypeError as error:
        given = ", ".join([*before, f"the {len(args)} in args", *keywords])
        raise TypeError(
            f"{argument}: takes {signature}, but is called with {given} ({error}); its arguments "
            f"must match args, a tuple"
        ) from None


def count_rows(args: tuple[Any, ...]) -> int | None:
    """Count the rows that all data in ``args`` share; None where there are no data."""
    counts = [(label, _length(leaf, label)) for label, leaf in walk_leaves(args)]
    if not counts:
        return None
    (first_label, n), *rest = counts
    for label, count in rest:
        if count != n:
            raise ValueError(
                f"args: {first_label} has {n} rows but {label} has {count}; everything in args is "
                f"resampled together and needs the same number of rows"
            )
    if n == 0:
        raise ValueError(f"args: {first_label} has no rows; pass the observations")
    return n


def take_rows(data: Any, rows: NDArray[np.intp], index: str = "") -> Any:
    """Take rows (m,), repeated at will, from data of any form that ``args`` allows."""
    # The index of pandas is "original" or "fresh", 0 to m − 1; by default fresh where it only
    # labels rows: repeated labels can be neither joined nor aligned.
    # As args are: the names of places, which nothing here needs, take long.
    if type(data) is np.ndarray:
        return data.take(rows, 0)
    if type(data) is tuple:
        return tuple(
            [
                each.take(rows, 0) if type(each) is np.ndarray else take_rows(each, rows, index)
                for each in data
            ]
        )
    return map_leaves(lambda _, leaf: _take(leaf, rows, index), data)


def relabeled(data: Any, index: str) -> Any:
    """Give rows other numbers, from n on, wherever `take_rows` makes a fresh index."""

    def change(_: str, leaf: Any) -> Any:
        if not (hasattr(leaf, "iloc") and _is_fresh(leaf, index)):
            return leaf
        return leaf.set_axis(range(len(leaf), 2 * len(leaf)))

    return map_leaves(change, data)


def map_leaves(change: Callable[[str, Any], Any], data: Any, label: str = "args") -> Any:
    """Replace every leaf of nested tuples and dicts by ``change(label, leaf)``."""
    if isinstance(data, tuple):
        parts = [map_leaves(change, part, f"{label}[{k}]") for k, part in enumerate(data)]
        return type(data)(*parts) if hasattr(data, "_fields") else tuple(parts)
    if isinstance(data, dict) and not _is_sparse(data):
        return {key: map_leaves(change, part, f"{label}[{key!r}]") for key, part in data.items()}
    return change(label, data)


def _take(leaf: Any, rows: NDArray[np.intp], index: str) -> Any:
    """Take rows of one leaf."""
    if isinstance(leaf, np.ndarray):
        return leaf.take(rows, axis=0)
    if isinstance(leaf, list):
        return [leaf[row] for row in rows.tolist()]
    if _is_sparse(leaf) and leaf.format not in _BY_ROWS:
        return leaf.tocsr()[rows].asformat(leaf.format)
    if hasattr(leaf, "to_pylist"):  # pyarrow's arrays and tables have no rows by index
        return leaf.take(rows)
    if not hasattr(leaf, "iloc"):
        return leaf[rows]
    taken = leaf.iloc[rows]
    return taken.reset_index(drop=True) if _is_fresh(leaf, index) else taken


def _is_fresh(leaf: Any, index: str) -> bool:
    """Whether samples get a fresh index: not by default where it has names, levels or dates."""
    labels = leaf.index
    plain = labels.nlevels == 1 and labels.name is None and labels.inferred_type in _LABELS
    return index == "fresh" or (index != "original" and plain)


_LABELS = {"boolean", "empty", "floating", "integer", "mixed", "mixed-integer", "string"}
"""What an index without a name that only labels rows consists of."""


def fingerprint(args: tuple[Any, ...]) -> tuple[int, ...]:
    """Checksum every array in ``args``, the same in every process, to detect data that change."""
    return tuple(_checksum(leaf) for _, leaf in walk_leaves(args))


def check_unchanged(args: tuple[Any, ...], before: tuple[int, ...] | None) -> None:
    """Refuse data that are not those of a fingerprint, naming which."""
    if before is None or (now := fingerprint(args)) == before:
        return
    labels = [label for label, _ in walk_leaves(args)]
    changed = [
        label for label, one, other in zip(labels, before, now, strict=False) if one != other
    ]
    raise ValueError(
        f"args: {', '.join(changed) or 'the data'} changed since the fit, in place; fit again, or "
        f"change a copy"
    )


def walk_leaves(data: Any, label: str = "args") -> Iterator[tuple[str, Any]]:
    """List what has rows in nested tuples and dicts, with a label of its place."""
    if isinstance(data, tuple):
        for position, part in enumerate(data):
            yield from walk_leaves(part, f"{label}[{position}]")
    elif isinstance(data, dict) and not _is_sparse(data):
        for key, part in data.items():
            yield from walk_leaves(part, f"{label}[{key!r}]")
    else:
        yield label, data


def _length(leaf: Any, label: str) -> int:
    """Count the rows of one leaf; refuse one without rows."""
    shape = getattr(leaf, "shape", None)
    if isinstance(leaf, list) or hasattr(leaf, "to_pylist"):
        return len(leaf)
    if shape is not None and len(shape) > 0 and hasattr(leaf, "__getitem__"):
        return int(shape[0])
    raise TypeError(
        f"args: {label} is {brief(leaf)}, which has no rows to resample; pass data as arrays, and "
        f"bind constants to the objective with functools.partial or a closure"
    )


def _is_sparse(leaf: Any) -> bool:
    """Whether it is a sparse matrix or array of SciPy's, of which one kind is a dict, too."""
    return bool(issparse(leaf))


def _checksum(leaf: Any) -> int:
    """Checksum all that one leaf consists of: values, type, index, mask, structure."""
    try:
        return zlib.crc32(repr(_content(leaf)).encode(errors="surrogatepass"))
    except RecursionError:  # objects that hold themselves
        return zlib.crc32(type(leaf).__qualname__.encode())


def _content(leaf: Any) -> Any:
    """Reduce a value to what tells it apart, the same in every process."""
    if isinstance(leaf, np.ma.MaskedArray):
        masked = [_content(np.ma.getmaskarray(leaf)), _content(leaf.fill_value)]
        return [_content(np.ma.getdata(leaf)), *masked]
    if isinstance(leaf, np.ndarray):
        return _content_of_array(leaf)
    if hasattr(leaf, "columns") and hasattr(leaf, "items"):
        columns = [(str(name), _content(column)) for name, column in leaf.items()]
        return [columns, _content(getattr(leaf, "index", None))]
    if hasattr(leaf, "to_numpy") and hasattr(leaf, "dtype"):  # a Timestamp has no dtype
        index = _content(leaf.index) if hasattr(leaf, "iloc") else None
        names = list(getattr(leaf, "names", None) or [getattr(leaf, "name", None)])
        levels = [getattr(leaf.dtype, name, None) for name in ("categories", "ordered")]
        places = [(str(name), _content(place)) for name, place in _coordinates(leaf)]
        values = [_content(leaf.to_numpy()), index, *map(_content, (names, levels)), *places]
        return [str(leaf.dtype), *values]
    if hasattr(leaf, "columns") and not callable(leaf.columns):  # of polars and pyarrow
        names = list(getattr(leaf, "column_names", leaf.columns))
        return [(str(name), _content(leaf[name])) for name in names]
    if isinstance(leaf, list | tuple):
        return _content_of_list(leaf)
    if isinstance(leaf, dict):
        return [(_content(key), _content(value)) for key, value in leaf.items()]
    if hasattr(leaf, "tocsr"):  # of SciPy, or like its own
        inner = [(name, getattr(leaf, name, None)) for name in _SPARSE]
        parts = [(name, _content(part)) for name, part in inner if part is not None]
        return [type(leaf).__name__, leaf.shape, parts]
    if hasattr(leaf, "__array__") and not isinstance(leaf, np.generic):  # of JAX, PyTorch, pyarrow
        held = values_of(leaf)
        return _text(leaf) if held is None else _content_of_array(held)
    if isinstance(leaf, set | frozenset):  # whose order is another one in each process
        return sorted(repr(_content(each)) for each in leaf)
    return _text(leaf)


def _coordinates(leaf: Any) -> list[tuple[Any, Any]]:
    """List what xarray aligns by, as NumPy's arrays."""
    places = getattr(leaf, "coords", {})
    return [(name, places[name].to_numpy()) for name in places]


def values_of(leaf: Any) -> NDArray[Any] | None:
    """Return the values of another library's array; None where NumPy cannot have them."""
    try:
        return np.asarray(leaf.detach().cpu() if hasattr(leaf, "detach") else leaf)
    except Exception:  # whatever that library raises, such as of a layout of its own
        return None


def _text(value: Any) -> Any:
    """Write an object as text: by its attributes where its own text is an address in memory."""
    text = _ADDRESS.sub("", repr(value))
    own: Any = type(value).__repr__
    held = getattr(value, "__dict__", {}) if own is object.__repr__ else {}
    return [text, [(name, _content(held[name])) for name in sorted(held)]] if held else text


def _content_of_array(values: NDArray[Any]) -> Any:
    """Reduce an array: by its bytes, or cell by cell where it holds objects."""
    form = [values.dtype.str, values.shape]
    if values.dtype.hasobject:
        return [*form, [_content(cell) for cell in values.ravel().tolist()]]
    return [*form, zlib.crc32(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)]


def _content_of_list(cells: Sequence[Any]) -> Any:
    """Reduce a list, as an array where it is one of numbers: lists may be long."""
    try:
        values: NDArray[Any] = np.asarray(cells)
    except ValueError:  # ragged
        return [_content(cell) for cell in cells]
    return [_content(cell) for cell in cells] if values.dtype.hasobject else _content(values)
