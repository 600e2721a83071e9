"""Bars as rows of a chart: those of a window, merged so that no more than wanted are left."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from glowback_trio.model.bars import Bars, Floats, Indices
from glowback_trio.model.sessions.window import Window
from glowback_trio.wire.json_text import dumps

__all__ = ["BAR_COLUMNS", "ChartBars", "chart_bars", "chart_document"]

#: The columns of a row, in their order.
BAR_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")


@frozen(eq=False)
class ChartBars:
    """The bars of a window, some of them in each row.

    Attributes:
        bars: The rows, as bars whose times are those of the first bar in each.
        count: How many bars lie in the window.
        per_row: How many are merged into a row; the last row may have fewer.
    """

    bars: Bars
    count: int
    per_row: int


def chart_bars(bars: Bars, window: Window, max_points: int) -> ChartBars:
    """Return the bars of a window as at most `max_points` rows.

    A row opens where its first bar does, closes where its last one does, and has the extremes of
    all. Its volume is the sum of those that are known; NaN where none is.

    Args:
        bars: All bars.
        window: Which of them.
        max_points: How many rows, 1 or more.
    """
    part = bars.part(window.part(bars.time))
    count = len(part)
    per_row = max(1, -(-count // max_points))
    if per_row == 1:
        return ChartBars(part, count, 1)
    starts = np.arange(0, count, per_row)
    ends = np.append(starts[1:], count) - 1
    merged = Bars(
        part.symbol,
        part.time[starts],
        part.open[starts],
        np.maximum.reduceat(part.high, starts),
        np.minimum.reduceat(part.low, starts),
        part.close[ends],
        _total(part.volume, starts),
    )
    return ChartBars(merged, count, per_row)


def _total(volume: Floats, starts: Indices) -> Floats:
    """Return the sum of the known volumes of each row; NaN where none is known."""
    unknown = np.isnan(volume)
    total: Floats = np.add.reduceat(np.where(unknown, 0.0, volume), starts)
    return np.where(np.logical_and.reduceat(unknown, starts), np.nan, total)


def chart_document(chart: ChartBars, resolution: str, source: str) -> bytes:
    """Return the bars of a chart as JSON, one short array for each row.

    Args:
        chart: The bars.
        resolution: The length of a bar.
        source: Where the bars come from.
    """
    bars = chart.bars
    # Numbers and times contain no comma, so splitting the encoded column gives its cells.
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    cells = [dumps(column)[1:-1].split(b",") for column in columns] if len(bars) else []
    rows = b",".join(b"[%b]" % b",".join(row) for row in zip(*cells, strict=True))
    named = {"symbol": bars.symbol, "resolution": resolution, "source": source}
    head = dumps({**named, "columns": BAR_COLUMNS})
    return b'%b,"rows":[%b],"bars":%d,"per_row":%d}' % (head[:-1], rows, chart.count, chart.per_row)
