"""`glowback-trio data`: list, check and import price files."""

from __future__ import annotations

from cyclopts import App
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glowback_trio.cli.commands.data_check import CHECK_EXAMPLES, check
from glowback_trio.cli.commands.data_import import IMPORT_EXAMPLES, import_
from glowback_trio.cli.messages import print_error
from glowback_trio.cli.options.data_option import CacheOption, DataOption, open_catalogue
from glowback_trio.data import CACHE_NAME, demo_path

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio data list --data demo
  glowback-trio data check --data ./prices --calendar XNYS
  glowback-trio data import bought.csv --data ./prices --column close=Last
"""
_LIST_EXAMPLES = """\
Examples:

  glowback-trio data list
  glowback-trio data list --data demo
  glowback-trio data list --data ./prices --cache off
"""
_PATH_EXAMPLES = """\
Example:

  cp -r "$(glowback-trio data path)" ./prices
"""

app = App(
    name="data",
    help="List, check and import price files.",
    help_format="plaintext",
    help_epilogue=_EXAMPLES,
)
app.command(check, help_epilogue=CHECK_EXAMPLES)
app.command(import_, name="import", help_epilogue=IMPORT_EXAMPLES)


@app.command(help_epilogue=_PATH_EXAMPLES)
def path() -> None:
    """Print the directory of the shipped prices."""
    print(demo_path())  # noqa: T201 - this is the command's output


@app.command(name="list", help_epilogue=_LIST_EXAMPLES)
def list_(*, data: DataOption = "sample", cache: CacheOption = CACHE_NAME) -> int:
    """List the prices that `run` would find, with their first and last bars.

    The exit code is 1 if a file cannot be read. Errors in the rows of a
    readable file are not shown; `data check` finds them.

    Args:
        data: A directory of price files, 'demo' (shipped prices) or 'sample' (generated prices).
        cache: Directory for parsed prices, relative to --data; 'off' disables the cache.
    """
    table = Table("Symbol", "Source", "Resolution", "First bar", "Last bar", "Rows", box=SIMPLE)
    for column in table.columns:
        column.overflow = "fold"  # a name that is cut could not be used
    table.columns[-1].justify = "right"
    # With --data a run never uses generated prices, so they are not listed either.
    listed = open_catalogue(data, cache, allow_sample=data == "sample").datasets()
    for one in listed:
        table.add_row(
            one.symbol,
            one.source,
            one.resolution or "?",
            _time(one.first_bar),
            _time(one.last_bar),
            "unreadable" if one.problem else None if one.rows is None else f"{one.rows:,}",
        )
    Console().print(table)
    # After the table, so that a long table does not hide them.
    problems = [one.problem for one in listed if one.problem]
    for problem in problems:
        print_error(problem)
    return 1 if problems else 0


def _time(text: str | None) -> str | None:
    """Shorten an RFC 3339 time to minutes, or to the date if it is midnight."""
    return text and text[:16].replace("T", " ").removesuffix(" 00:00")
