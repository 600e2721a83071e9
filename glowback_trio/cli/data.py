"""`glowback-trio data`: where prices lie, and which there are."""

from __future__ import annotations

from cyclopts import App
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glowback_trio.cli.prices import Prices, catalogue
from glowback_trio.data import demo_path

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio data path
  glowback-trio data list --data demo
"""

app = App(name="data", help_format="plaintext", help_epilogue=_EXAMPLES)


@app.command
def path() -> None:
    """Print the directory of the prices shipped with the package."""
    print(demo_path())  # noqa: T201 - this is the command's output


@app.command(name="list")
def list_(*, data: Prices = "demo") -> None:
    """List symbols by source and resolution, with their first and last bars.

    Args:
        data: A directory of CSV files; 'demo', the prices that come with the package; or 'sample',
            generated ones.
    """
    table = Table("Symbol", "Source", "Resolution", "First bar", "Last bar", "Rows", box=SIMPLE)
    table.columns[-1].justify = "right"
    for listing in catalogue(data).datasets():
        table.add_row(
            listing.symbol,
            listing.source,
            listing.resolution or listing.problem,
            _moment(listing.first_bar),
            _moment(listing.last_bar),
            None if listing.rows is None else f"{listing.rows:,}",
        )
    Console().print(table)


def _moment(stamp: str | None) -> str | None:
    """A bar's time as people write it: the date alone where the bar is a day's."""
    return stamp and stamp[:16].replace("T", " ").removesuffix(" 00:00")
