"""`glowback-trio data`: where prices lie, which there are, and what is wrong with them."""

from __future__ import annotations

from cyclopts import App
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glowback_trio.cli.commands.data_check import check
from glowback_trio.cli.commands.data_import import import_
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

app = App(name="data", help_format="plaintext", help_epilogue=_EXAMPLES)
app.command(check)
app.command(import_, name="import")


@app.command
def path() -> None:
    """Print the directory of the prices shipped with the package."""
    print(demo_path())  # noqa: T201 - this is the command's output


@app.command(name="list")
def list_(*, data: DataOption = "sample", cache: CacheOption = CACHE_NAME) -> int:
    """List the prices that `run` would find, with their first and last bars.

    A file that cannot be read shows here and makes the exit code 1.
    Whether what its rows say can be true is for `data check` to tell.

    Args:
        data: A directory of price files; 'demo', the shipped ones; 'sample', generated prices.
        cache: A directory for parsed prices, a relative one inside --data; 'off' keeps none.
    """
    table = Table("Symbol", "Source", "Resolution", "First bar", "Last bar", "Rows", box=SIMPLE)
    table.columns[-1].justify = "right"
    listed = open_catalogue(data, cache, allow_sample=data == "sample").datasets()
    for one in listed:
        table.add_row(
            one.symbol,
            one.source,
            one.resolution or "?",
            _moment(one.first_bar),
            _moment(one.last_bar),
            "unreadable" if one.problem else None if one.rows is None else f"{one.rows:,}",
        )
    Console().print(table)
    problems = [one.problem for one in listed if one.problem]
    for problem in problems:
        print_error(problem)
    return 1 if problems else 0


def _moment(stamp: str | None) -> str | None:
    """A bar's time as people write it: the date alone where the bar is a day's."""
    return stamp and stamp[:16].replace("T", " ").removesuffix(" 00:00")
