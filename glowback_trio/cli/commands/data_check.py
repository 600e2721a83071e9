"""`glowback-trio data check`: every price file read, and a report of its quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from glowback_trio.cli.options.data_option import DataOption, data_directory
from glowback_trio.data.tools import FileReport, Inspection, PriceDirectory
from glowback_trio.errors import DataError

__all__ = ["check", "progress"]


def check(
    *,
    data: DataOption = "sample",
    calendar: Annotated[str | None, Parameter(show_default=False)] = None,
) -> int:
    """Read every price file and say what is wrong with it.

    Critical findings make the exit code 1: cells that cannot be read, prices
    that cannot be, rows that contradict themselves, a time twice, two files
    for the same bars, bad adjustment factors. Rows out of order and gaps are
    warnings; a gap is a day on which another symbol of the directory traded.

    Args:
        data: A directory of CSV and Parquet files, or 'demo', shipped prices.
        calendar: An exchange whose trading days should have bars, as XNYS; needs extra 'calendars'.
    """
    place = data_directory(data)
    listed = PriceDirectory.of(place)
    if listed is None:
        raise DataError(f"{place} cannot be read")
    inspection = Inspection(listed, calendar)
    with progress("Checking") as shown:
        task = shown.add_task("")
        for done, total in inspection.look():
            shown.update(task, completed=done, total=total)
    return _tell(inspection.reports(), Console())


def progress(what: str) -> Progress:
    """A bar on stderr that leaves nothing behind; none where nobody watches."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _tell(reports: Sequence[FileReport], console: Console) -> int:
    """Print the reports and say how the command ends."""
    critical = sum(len(one.critical) for one in reports)
    warnings = sum(len(one.warnings) for one in reports)
    table = Table("File", "Resolution", "Rows", "Critical", "Warnings", box=SIMPLE)
    for column in table.columns[2:]:
        column.justify = "right"
    for one in reports:
        rows = "" if one.rows is None else f"{one.rows:,}"
        counts = (str(len(findings) or "") for findings in (one.critical, one.warnings))
        table.add_row(escape(one.name), one.resolution or "", rows, *counts)
    console.print(table)
    for one in reports:
        _tell_findings("critical", "red", one.critical, console)
        _tell_findings("warning", "yellow", one.warnings, console)
    files = f"{len(reports)} file{'s' * (len(reports) != 1)}"
    console.print(f"{files}, {critical} critical, {warnings} warnings", highlight=False)
    return 1 if critical else 0


def _tell_findings(grade: str, style: str, findings: Sequence[str], console: Console) -> None:
    for finding in findings:
        console.print(f"[{style}]{grade}[/]: {escape(finding)}", soft_wrap=True, highlight=False)
