"""Returns by month and year, and the worst drawdowns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from glowback_trio.engine.analytics.tearsheet import calendar_returns
from glowback_trio.model.result import Result
from glowback_trio.reports.blocks import Block, Calendar, Column, Prose, Section, Table
from glowback_trio.reports.subjects import ReportedRun

__all__ = ["calendar", "worst_drawdowns"]

_DRAWDOWNS = (
    Column("peak", "Peak", "day"),
    Column("trough", "Trough", "day"),
    Column("recovery", "Recovery"),
    Column("depth_pct", "Depth", "percent"),
    Column("days", "Days", "days"),
)


def calendar(run: ReportedRun) -> Iterator[Section]:
    """Yield the sections with the returns of months and of years."""
    sheet = run.sheet
    years = {row["period"]: row["return_pct"] for row in sheet["yearly_returns"]}
    months = {row["period"]: row["return_pct"] for row in sheet["monthly_returns"]}
    rows = [
        (year, [months.get(f"{year}-{month:02}") for month in range(1, 13)], total)
        for year, total in years.items()
    ]
    yield Section("monthly_returns", "Returns by month", [Calendar("monthly_returns", rows)])
    yield Section("yearly_returns", "Returns by year", [_years(run.result, years)])


def _years(result: Result, years: Mapping[str, float | None]) -> Table:
    columns = [Column("year", "Year"), Column("return_pct", "Return", "change")]
    held = result.benchmark
    if held is None:
        return Table("yearly_returns", "", columns, list(years.items()))
    columns += [
        Column("benchmark_pct", held.symbol, "change"),
        Column("difference_pct", "Difference", "change"),
    ]
    found = calendar_returns(held.value, result.curve.date, held.capital, "Y")
    market = {row["period"]: row["return_pct"] for row in found}
    rows = [
        (year, own, market.get(year), _difference(own, market.get(year)))
        for year, own in years.items()
    ]
    return Table("yearly_returns", "", columns, rows)


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def worst_drawdowns(run: ReportedRun) -> Iterator[Section]:
    """Yield the section with the worst drawdowns."""
    rows: Sequence[Mapping[str, Any]] = run.sheet["drawdowns"]
    block: Block = Prose("drawdowns", ["The account never fell below its highest value."])
    if rows:
        cells = [[row[column.name] for column in _DRAWDOWNS] for row in rows]
        for each in cells:
            each[2] = "not yet" if each[2] is None else str(each[2]).partition("T")[0]
        block = Table("drawdowns", "", _DRAWDOWNS, cells)
    yield Section("drawdowns", "Worst drawdowns", [block])
