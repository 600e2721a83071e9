"""`glowback-trio data check`: read every price file and report its quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from glowback_trio.cli.options.data_option import DataOption, data_directory, file_limits
from glowback_trio.cli.progress import file_progress
from glowback_trio.data.tools import FileReport, Inspection, PriceDirectory
from glowback_trio.errors import DataError

__all__ = ["CHECK_EXAMPLES", "check"]

CHECK_EXAMPLES = """\
Examples:

  glowback-trio data check --data ./prices
  glowback-trio data check --data demo --calendar XNYS
"""


def check(
    *,
    data: DataOption = "sample",
    calendar: Annotated[str | None, Parameter(show_default=False)] = None,
) -> int:
    """Read every price file and print what is wrong with it.

    The exit code is 1 if there are critical findings: unreadable cells,
    impossible prices, rows that contradict themselves, duplicate times, two
    files for the same bars, bad adjustment factors. Unsorted rows, gaps, jumps
    that look like splits and bars with a volume of 0 are warnings. A gap is a
    day without a bar on which the exchange was open or, without --calendar, on
    which another symbol of the directory traded.

    Args:
        data: A directory of CSV and Parquet files, or 'demo' for the shipped prices.
        calendar: Exchange whose trading days should have bars, e.g. XNYS; needs extra 'calendars'.
    """
    path = data_directory(data)
    directory = PriceDirectory.of(path)
    if directory is None:
        raise DataError(f"{path} cannot be read")
    inspection = Inspection(directory, calendar, file_limits())
    with file_progress("Checking") as bar:
        task = bar.add_task("")
        for done, total in inspection.read_files():
            bar.update(task, completed=done, total=total)
    return _print_reports(inspection.reports(), Console())


def _print_reports(reports: Sequence[FileReport], console: Console) -> int:
    """Print a table of the files, then all findings. Return the exit code."""
    critical = sum(len(one.critical) for one in reports)
    warnings = sum(len(one.warnings) for one in reports)
    table = Table("File", "Resolution", "Rows", "Critical", "Warnings", box=SIMPLE)
    for column in table.columns:
        column.overflow = "fold"  # a name that is cut could not be used
    for column in table.columns[2:]:
        column.justify = "right"
    for one in reports:
        rows = "" if one.rows is None else f"{one.rows:,}"
        counts = (str(len(findings) or "") for findings in (one.critical, one.warnings))
        table.add_row(escape(one.name), one.resolution or "", rows, *counts)
    console.print(table)
    for one in reports:
        _print_findings("critical", "red", one.critical, console)
        _print_findings("warning", "yellow", one.warnings, console)
    files = f"{len(reports)} file{'s' * (len(reports) != 1)}"
    console.print(f"{files}, {critical} critical, {warnings} warnings", highlight=False)
    return 1 if critical else 0


def _print_findings(grade: str, style: str, findings: Sequence[str], console: Console) -> None:
    for finding in findings:
        # Not wrapped, so that each finding is one line for a script that reads them.
        console.print(f"[{style}]{grade}[/]: {escape(finding)}", soft_wrap=True, highlight=False)
