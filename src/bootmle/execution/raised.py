"""What the user's code may raise, and how it is put into words."""

from __future__ import annotations

__all__ = ["RAISED", "describe_raised", "unless_interrupted"]

RAISED = (Exception, SystemExit)
"""What fails a step that can be left out: code written as a script leaves by sys.exit()."""


def unless_interrupted(error: BaseException) -> BaseException:
    """Return what fails a replicate, which is anything but Ctrl-C: that is raised again."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    return error


def describe_raised(error: BaseException) -> str:
    """Return an exception's type and text, even if its own ``__str__`` raises."""
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException as another:
        unless_interrupted(another)
        return f"{name}, whose text cannot be shown"
    return f"{name}: {text}" if text else name
