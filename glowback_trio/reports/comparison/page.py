"""The report of a comparison: its sections in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from glowback_trio.model.bars import Floats, Times
from glowback_trio.model.short_repr import counted
from glowback_trio.reports.blocks import Chart, Column, Line, Page, Prose, Section, Table
from glowback_trio.reports.checks import FORM_VERSION, run_checks
from glowback_trio.reports.numbers import Unit
from glowback_trio.reports.run.curves import POINTS
from glowback_trio.reports.subjects import Comparison, ReportedRun
from glowback_trio.reports.words import value_in_words
from glowback_trio.version import VERSION
from glowback_trio.wire.downsample import thin
from glowback_trio.wire.percent import as_percent

__all__ = ["comparison_page"]

#: Metrics to compare, and which is better: 1 the largest, -1 the smallest, 0 neither.
_METRICS: Sequence[tuple[str, str, Unit, int]] = (
    ("total_return", "Total return", "change", 1),
    ("annualized_return", "Annual return", "change", 1),
    ("volatility", "Volatility", "percent", -1),
    ("sharpe_ratio", "Sharpe ratio", "ratio", 1),
    ("sortino_ratio", "Sortino ratio", "ratio", 1),
    ("calmar_ratio", "Calmar ratio", "ratio", 1),
    ("max_drawdown", "Largest drawdown", "percent", -1),
    ("max_drawdown_duration_days", "Longest drawdown, days", "days", -1),
    ("cvar_95", "Expected shortfall, 95 %", "signed_share", -1),
    ("exposure_time", "Time invested", "share", 0),
    ("turnover", "Turnover", "ratio", 0),
    ("total_trades", "Fills", "count", 0),
    ("round_trips", "Round trips", "count", 0),
    ("win_rate", "Win rate", "share", 1),
    ("profit_factor", "Profit factor", "ratio", 1),
    ("total_commissions", "Commissions", "money", -1),
    ("total_slippage_cost", "Slippage", "money", -1),
    ("initial_capital", "Initial capital", "money", 0),
    ("final_value", "Final value", "money", 0),
)


def comparison_page(comparison: Comparison) -> Page:
    """Put the report of a comparison together."""
    names = _names(comparison.runs)
    sections = [
        Section("runs", "The runs", [_runs(comparison.runs, names)]),
        Section("curves", "On one scale", [_curves(comparison.runs, names)]),
        Section("metrics", "Side by side", [_metrics(comparison.runs, names)]),
        Section("differences", "What differs", list(_differences(comparison.runs, names))),
    ]
    checks = {
        "report": FORM_VERSION,
        "kind": "comparison",
        "written_by": VERSION,
        "runs": [run_checks(run) for run in comparison.runs],
    }
    title = f"Comparison of {counted(len(comparison.runs), 'run')}"
    return Page(title, " \N{MIDDLE DOT} ".join(names), sections, checks)


def _names(runs: Sequence[ReportedRun]) -> list[str]:
    """Return names that tell the runs apart: a letter before each."""
    return [f"{chr(ord('A') + place)}: {run.name}" for place, run in enumerate(runs)]


def _runs(runs: Sequence[ReportedRun], names: Sequence[str]) -> Table:
    columns = [
        Column("run", "Run"),
        Column("strategy", "Strategy"),
        Column("symbols", "Symbols"),
        Column("first_date", "From"),
        Column("last_date", "To"),
        Column("run_id", "Id"),
    ]
    rows = []
    for run, name in zip(runs, names, strict=True):
        manifest = run.result.manifest
        data = manifest["dataset"]
        symbols = value_in_words(data["symbols"])
        strategy = manifest["strategy"]["name"]
        rows.append((name, strategy, symbols, data["first_date"], data["last_date"], run.run_id))
    return Table("runs", "", columns, rows)


def _curves(runs: Sequence[ReportedRun], names: Sequence[str]) -> Chart:
    """Draw what each run has made of its capital; the times of all of them lie on one axis."""
    time = np.unique(np.concatenate([run.result.curve.time for run in runs]))
    growth = [_laid(run, time) for run in runs]
    picked = thin(growth, max(POINTS, 2 + 2 * len(growth)))
    lines = [
        Line(f"run_{place + 1}", name, values[picked], f"s{place}")
        for place, (name, values) in enumerate(zip(names, growth, strict=True))
    ]
    return Chart(
        "growth", "Return since each run's beginning", time[picked], lines, "percent", place=picked
    )


def _laid(run: ReportedRun, time: Times) -> Floats:
    """Lay the returns of a run along other times: its last value counts, NaN outside its range."""
    curve = run.result.curve
    last = np.searchsorted(curve.time, time, side="right") - 1
    growth: Floats = as_percent(curve.value[np.maximum(last, 0)] / curve.capital - 1.0)
    return np.where((last >= 0) & (time <= curve.time[-1]), growth, np.nan)


def _metrics(runs: Sequence[ReportedRun], names: Sequence[str]) -> Table:
    columns = [Column("metric", "Metric")]
    columns += [Column(f"run_{n + 1}", name, "number") for n, name in enumerate(names)]
    rows, units, best = [], [], {}
    for name, label, unit, sense in _METRICS:
        values = [run.result.metrics.get(name) for run in runs]
        rows.append([label, *values])
        units.append(unit)
        if (place := _best(values, sense)) is not None:
            best[label] = place + 1
    return Table("metrics", "", columns, rows, best=best, units=units)


def _best(values: Sequence[float | None], sense: int) -> int | None:
    """Return the place of the best value; None where all are equal, or none is better."""
    known = [(sense * value, -place) for place, value in enumerate(values) if value is not None]
    if not sense or len({value for value, _ in known}) < 2:
        return None
    return -max(known)[1]


def _differences(runs: Sequence[ReportedRun], names: Sequence[str]) -> Iterator[Table | Prose]:
    """Yield the fields in which the requests differ, and whether the prices do."""
    flat = [dict(_fields(run.result.manifest["replay_request"], "")) for run in runs]
    every = dict.fromkeys(field for one in flat for field in one)
    rows = [
        [field, *(value_in_words(one.get(field)) for one in flat)]
        for field in every
        if len({value_in_words(one.get(field)) for one in flat}) > 1
    ]
    columns = [Column("field", "Field")]
    columns += [Column(f"run_{n + 1}", name) for n, name in enumerate(names)]
    if rows:
        yield Table("differences", "", columns, rows)
    else:
        yield Prose("differences", ["The requests are the same."])
    digests = {run.result.manifest["dataset"]["digest"] for run in runs}
    same = (
        "All were run on the same bars."
        if len(digests) == 1
        else ("They were not all run on the same bars: compare their figures with care.")
    )
    yield Prose("bars", [same], tone="plain" if len(digests) == 1 else "warning")


def _fields(document: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _fields(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
