"""The report of a run: its sections in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from glowback_trio.model.short_repr import counted, listed
from glowback_trio.reports.blocks import Page, Section
from glowback_trio.reports.checks import run_checks
from glowback_trio.reports.run.assumptions import (
    assumptions,
    data_quality,
    record,
    sentences,
)
from glowback_trio.reports.run.calendar import calendar, worst_drawdowns
from glowback_trio.reports.run.curves import curves, rolling_charts
from glowback_trio.reports.run.headline import headline
from glowback_trio.reports.run.trades import attribution, costs, trades
from glowback_trio.reports.run.trust import trust
from glowback_trio.reports.subjects import ReportedRun

__all__ = ["run_page", "run_subtitle"]

_SYMBOLS = 8
_SECTIONS: tuple[Callable[[ReportedRun], Iterator[Section]], ...] = (
    headline,
    curves,
    calendar,
    worst_drawdowns,
    rolling_charts,
    trust,
    trades,
    attribution,
    costs,
    assumptions,
    data_quality,
    sentences,
    record,
)


def run_page(run: ReportedRun) -> Page:
    """Put the report of a run together."""
    sections = [section for make in _SECTIONS for section in make(run)]
    return Page(run.name, run_subtitle(run), sections, run_checks(run))


def run_subtitle(run: ReportedRun) -> str:
    """Describe a run on one line."""
    manifest = run.result.manifest
    dataset = manifest["dataset"]
    period = f"{dataset['first_date']} to {dataset['last_date']}"
    bars = f"{counted(dataset['bars'], 'bar')} ({dataset['resolution']})"
    parts = [manifest["strategy"]["name"], listed(dataset["symbols"], _SYMBOLS), period, bars]
    tags = run.labels.get("tags") or ()
    return " \N{MIDDLE DOT} ".join([*parts, *(f"#{tag}" for tag in tags)])
