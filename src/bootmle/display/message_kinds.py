"""Messages by kind: those that differ only in their numbers are alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["WARNED", "count_kinds"]

WARNED = "warned: "
"""How the message of a replicate begins that has an estimate, but raised a warning."""
_NUMBER = re.compile(
    r"0x[0-9a-fA-F]+|(?<!\w)[-+]?(?:\d[\d_]*\.?\d*|\.\d+|nan\b|inf\b)(?:e[-+]?\d+)?"
)
_LISTED = re.compile(r"[\s\[(]*#(?:[\s,;\[\]()]*#)*[\s\])]*")


def count_kinds(messages: Iterable[str]) -> list[tuple[str, int]]:
    """Count messages of each kind, the most frequent first, under the first one's text."""
    found: dict[str, tuple[str, int]] = {}
    for message in messages:
        kind = _LISTED.sub("#", _NUMBER.sub("#", message))
        first, times = found.get(kind, (message, 0))
        found[kind] = first, times + 1
    return sorted(found.values(), key=lambda each: -each[1])
