"""What the user's code may raise, and how it is put into words."""

from __future__ import annotations

__all__ = ["RAISED", "describe_raised"]

RAISED = (Exception, SystemExit)
"""What fails a replicate: code that was written as a script leaves by sys.exit()."""


def describe_raised(error: BaseException) -> str:
    """Return an exception's type and text, even if its own ``__str__`` raises."""
    name = type(error).__name__
    try:
        text = str(error)
    except RAISED:
        return f"{name}, whose text cannot be shown"
    return f"{name}: {text}" if text else name
