"""The charts of a run: its value and drawdown, and statistics of windows that move along it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from glowback_trio.engine.analytics.rolling import Rolling, rolling
from glowback_trio.model.bars import Floats
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import counted
from glowback_trio.reports.blocks import Block, Chart, Line, Prose, Section
from glowback_trio.reports.numbers import Unit
from glowback_trio.reports.subjects import ReportedRun
from glowback_trio.wire.downsample import thin
from glowback_trio.wire.percent import as_percent

__all__ = ["POINTS", "curves", "rolling_charts"]

#: Points of a line: fewer than two for each millimetre of paper, and with all extremes.
POINTS = 500
_DRAWDOWN = "Drawdown from the highest value before"


def curves(run: ReportedRun) -> Iterator[Section]:
    """Yield the section with value and drawdown."""
    result = run.result
    curve, held = result.curve, result.benchmark
    lines: list[tuple[str, str, Floats]] = [("value", "Value", curve.value)]
    if held is not None:
        lines.append(("benchmark", held.symbol, held.value))
    bars = thin([curve.drawdown, *(values for _, _, values in lines)], POINTS)
    drawn = [
        Line(name, label, values[bars], "other" if name == "benchmark" else "main")
        for name, label, values in lines
    ]
    fall = Line("drawdown", "Drawdown", 0.0 - as_percent(curve.drawdown[bars]), "loss")
    time = curve.time[bars]
    blocks: list[Block] = [
        Chart("equity", "Value of the account", time, drawn, "money", place=bars),
        Chart("drawdown", _DRAWDOWN, time, [fall], "percent", place=bars, low=True),
    ]
    yield Section("curve", "Value and drawdown", blocks)


def rolling_charts(run: ReportedRun) -> Iterator[Section]:
    """Yield the section with statistics over half a year."""
    title = "Over half a year, moving"
    found = rolling(run.result)
    if found is None:
        sentence = "The run is shorter than half a year, or than twenty bars: nothing to show."
        yield Section("rolling", title, [Prose("rolling", [sentence])])
        return
    yield Section("rolling", title, list(_charts(run.result, found)))


def _charts(result: Result, found: Rolling) -> Iterator[Block]:
    time = result.curve.time[found.bar]
    named: Sequence[tuple[str, str, Floats | None, Unit]] = (
        ("rolling_sharpe_ratio", "Sharpe ratio", found.sharpe_ratio, "ratio"),
        ("rolling_volatility", "Volatility, per year", found.volatility, "percent"),
        ("rolling_beta", "Beta to the benchmark", found.beta, "ratio"),
    )
    for name, title, values, unit in named:
        if values is not None and not np.isnan(values).all():
            note = f"Each point stands for {counted(found.window, 'bar')} up to it."
            lines = [Line(name, title, values)]
            yield Chart(name, title, time, lines, unit, place=found.bar, low=True, note=note)
