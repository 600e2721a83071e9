"""`glowback-trio store`: look at, check and compact the file that a server keeps its runs in."""

from __future__ import annotations

from cyclopts import App
from rich.console import Console

from glowback_trio.cli.messages import print_error
from glowback_trio.cli.options.store_option import StoreOption, store_path
from glowback_trio.store.sqlite.maintenance import check_store, compact_store, store_info

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio store info
  glowback-trio store check --store sqlite:./runs.sqlite
  glowback-trio store compact --store sqlite:./runs.sqlite
"""

app = App(
    name="store",
    help="Look at, check and compact the file that a server keeps its runs in.",
    help_format="plaintext",
    help_epilogue=_EXAMPLES,
)


@app.command
def info(*, store: StoreOption = None) -> None:
    """Print what is in a store. A server may be using it.

    Args:
        store: The store; left out, that of `serve`.
    """
    path = store_path(store)
    found = store_info(path)
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(found.states.items()))
    lines = {
        "file": str(path),
        "version": str(found.version),
        "size": f"{found.size:,} bytes, {found.free:,} of them free",
        "runs": f"{sum(found.states.values()):,}" + (f" ({states})" if states else ""),
        "events": f"{found.events:,}",
        "results": f"{found.results:,}",
    }
    console = Console(highlight=False)
    for name, text in lines.items():
        console.print(f"{name:8} {text}", markup=False, soft_wrap=True)


@app.command
def check(*, store: StoreOption = None) -> int:
    """Read a whole store and print everything that is wrong with it.

    Checks the database, every checksum, the laws of every log with its digest, and every result.
    A server may be using the store. The exit code is 1 if anything is wrong.

    Args:
        store: The store; left out, that of `serve`.
    """
    path = store_path(store)
    wrong = 0
    for finding in check_store(path):
        wrong += 1
        print_error(finding)
    if not wrong:
        Console(highlight=False).print(f"{path} is sound", markup=False, soft_wrap=True)
    return 1 if wrong else 0


@app.command
def compact(*, store: StoreOption = None) -> None:
    """Give the space of deleted runs back to the disk. No server may be using the store.

    Args:
        store: The store; left out, that of `serve`.
    """
    path = store_path(store)
    before = store_info(path).size
    compact_store(path)
    after = store_info(path).size
    Console(highlight=False).print(f"{before:,} bytes before, {after:,} bytes now")
