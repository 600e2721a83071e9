"""Event drafts: what happened on some bars, as rows equal to those of the later result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.accounting.statement import Statement
from glowback_trio.model.bars import Times
from glowback_trio.model.events import EventDraft, EventType
from glowback_trio.model.request import Stream
from glowback_trio.model.result import Curve
from glowback_trio.wire.json_text import dumps, iso_times
from glowback_trio.wire.rows import Row, equity_rows, order_rows, trade_rows

__all__ = ["draft_events", "log_draft"]

_METRICS_WANTED = 250
# Within a bar, causes come before effects: messages, orders, fills, then the account.
_IN_A_BAR: tuple[EventType, ...] = ("log", "order", "trade", "metric", "progress")


def log_draft(bar: int, message: str, level: Literal["info", "warning"] = "warning") -> EventDraft:
    """Draft the event of a sentence for people.

    Args:
        bar: Row of the bar.
        message: The sentence.
        level: Its weight.
    """
    return EventDraft("log", dumps({"level": level, "message": message}), bar)


def draft_events(
    stream: Stream, bars: range, curve: Curve, statement: Statement, logs: Iterable[EventDraft]
) -> list[EventDraft]:
    """Draft the events of some bars.

    Args:
        stream: Which events the request wants.
        bars: Rows of the bars.
        curve: The account, known at least up to the last of these bars.
        statement: Orders and fills of these bars.
        logs: Drafts of the sentences of these bars.

    Returns:
        Drafts by bar, and within a bar by type: log, order, trade, metric, progress.
    """
    found = list(logs)
    if stream.orders:
        rows = order_rows(statement.orders, statement.symbols)
        found += _drafts("order", statement.event_rows, rows)
    if stream.trades:
        found += _drafts("trade", statement.fill_rows, trade_rows(statement.trades))
    found += _metrics(stream, curve, bars)
    found += _progress(stream, curve.time, bars)
    found.sort(key=lambda draft: (draft.bar, _IN_A_BAR.index(draft.type)))
    return found


def _drafts(kind: EventType, bars: NDArray[np.int64], rows: Iterable[Row]) -> Iterator[EventDraft]:
    for bar, row in zip(bars.tolist(), rows, strict=True):
        yield EventDraft(kind, dumps(row), bar)


def _metrics(stream: Stream, curve: Curve, bars: range) -> Iterator[EventDraft]:
    every, last = stream.metrics_every, len(curve) - 1
    if every == 0:
        return
    if every is None:
        every = max(1, -(-len(curve) // _METRICS_WANTED))  # rounded up: at most so many
    index = np.arange(bars.start, bars.stop)
    chosen = index[((index + 1) % every == 0) | (index == last)]
    for bar, row in zip(chosen.tolist(), equity_rows(curve, chosen), strict=True):
        yield EventDraft("metric", dumps(row), bar)


def _progress(stream: Stream, time: Times, bars: range) -> Iterator[EventDraft]:
    """Draft progress at bars that complete a step: the first with (bar + 1) / T >= j / steps."""
    # In whole numbers, so that it never depends on how the run is sliced or on rounding.
    count, steps = len(time), stream.progress_steps
    done = np.arange(bars.start, bars.stop + 1) * steps // count
    chosen = np.flatnonzero(done[1:] > done[:-1]) + bars.start
    for bar, when in zip(chosen.tolist(), iso_times(time[chosen]), strict=True):
        progress = {
            "progress": (bar + 1) / count,
            "message": f"Simulated {bar + 1} of {count} bars",
            "bar": bar + 1,
            "bars": count,
            "bar_time": when,
        }
        yield EventDraft("progress", dumps(progress), bar, (bar + 1) / count)
