"""The user's Ctrl-C, told from a `KeyboardInterrupt` that some code raises by itself."""

from __future__ import annotations

import signal
import threading
from traceback import walk_tb

__all__ = ["is_interrupt"]


def is_interrupt(error: BaseException) -> bool:
    """Return True if an error is the user's Ctrl-C, which ends the program.

    Signals are handled in the main thread only, by a function of Python or of trio. Whatever else
    code raises, `SystemExit` and `KeyboardInterrupt` included, ends what the code was called for.

    Args:
        error: What was raised.
    """
    if not isinstance(error, KeyboardInterrupt):
        return False
    if threading.current_thread() is not threading.main_thread():
        return False
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        return True  # Python's own leaves no frame by which it could be known
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    if not frames:
        return False
    # Trio raises it in its handler, or where it wakes the main task.
    by_trio = str(frames[-1].f_globals.get("__name__")).startswith("trio.")
    return by_trio or frames[-1].f_code is getattr(handler, "__code__", None)
