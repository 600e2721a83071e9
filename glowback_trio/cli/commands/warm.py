"""`glowback-trio warm`: compile the engine's kernel, so that runs need not wait for it."""

from __future__ import annotations

import time

from cyclopts import App
from rich.console import Console

from glowback_trio.compute import warm

__all__ = ["app"]

app = App(name="warm", help_format="plaintext", help_epilogue="Example:\n\n  glowback-trio warm\n")


@app.default
def warm_up() -> None:
    """Compile the engine's kernel once, for all later runs on this machine.

    It needs numba, which 'pip install "glowback-trio[fast]"' installs, and takes some twenty
    seconds. What it makes is kept in the directory that GLOWBACK_KERNEL_CACHE names, by default in
    the user's cache directory; an image of a container can hold it. Results are the same without.
    """
    start = time.monotonic()
    compiled = warm()
    spent, done = time.monotonic() - start, "compiled" if compiled else "had been compiled before"
    Console().print(f"The engine's kernel {done}, {spent:.1f} s", highlight=False)
