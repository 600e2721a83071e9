"""Exceptions out of code of others: a strategy, a module of strategies, a source of bars."""

from __future__ import annotations

import threading

__all__ = ["is_interrupt", "said"]


def is_interrupt(error: BaseException) -> bool:
    """Return True if an error is the user's Ctrl-C, which ends the program.

    Signals are handled in the main thread only. Whatever else such code raises, `SystemExit`
    included, ends its own run and no other.

    Args:
        error: What the code raised.
    """
    main = threading.current_thread() is threading.main_thread()
    return main and isinstance(error, KeyboardInterrupt)


def said(error: BaseException) -> str:
    """Return an error's type and its text, if it has any, such as `ValueError: no price`."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")
