"""Drafts: what a run tells while it runs, in the very rows its result will hold."""

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

__all__ = ["drafts", "log_draft"]

_METRICS_WANTED = 250
_IN_A_BAR: tuple[EventType, ...] = ("log", "order", "trade", "metric", "progress")


def log_draft(bar: int, message: str, level: Literal["info", "warning"] = "warning") -> EventDraft:
    """A sentence, told at a bar."""
    return EventDraft("log", dumps({"level": level, "message": message}), bar)


def drafts(
    stream: Stream, bars: range, curve: Curve, statement: Statement, logs: Iterable[EventDraft]
) -> list[EventDraft]:
    """Say what happened on some bars, as the request asks for it.

    Args:
        stream: What is asked for.
        bars: Indices of the bars to tell of.
        curve: The account, known at least up to the last of them.
        statement: What happened on these bars.
        logs: Drafts of sentences told on these bars.

    Returns:
        By bar, and within one by type: log, order, trade, metric, progress.
    """
    told = list(logs)
    if stream.orders:
        rows = order_rows(statement.orders, statement.symbols)
        told += _drafts("order", statement.event_rows, rows)
    if stream.trades:
        told += _drafts("trade", statement.fill_rows, trade_rows(statement.trades))
    told += _metrics(stream, curve, bars)
    told += _progress(stream, curve.time, bars)
    told.sort(key=lambda draft: (draft.bar, _IN_A_BAR.index(draft.type)))
    return told


def _drafts(kind: EventType, bars: NDArray[np.int64], rows: Iterable[Row]) -> Iterator[EventDraft]:
    for bar, row in zip(bars.tolist(), rows, strict=True):
        yield EventDraft(kind, dumps(row), bar)


def _metrics(stream: Stream, curve: Curve, bars: range) -> Iterator[EventDraft]:
    every, last = stream.metrics_every, len(curve) - 1
    if every == 0:
        return
    if every is None:
        every = max(1, -(-len(curve) // _METRICS_WANTED))
    index = np.arange(bars.start, bars.stop)
    told = index[((index + 1) % every == 0) | (index == last)]
    for bar, row in zip(told.tolist(), equity_rows(curve, told), strict=True):
        yield EventDraft("metric", dumps(row), bar)


def _progress(stream: Stream, time: Times, bars: range) -> Iterator[EventDraft]:
    """At the bars that complete a step: the first with (bar + 1) / T >= j / steps."""
    count, steps = len(time), stream.progress_steps
    done = np.arange(bars.start, bars.stop + 1) * steps // count
    told = np.flatnonzero(done[1:] > done[:-1]) + bars.start
    for bar, when in zip(told.tolist(), iso_times(time[told]), strict=True):
        progress = {
            "progress": (bar + 1) / count,
            "message": f"Simulated {bar + 1} of {count} bars",
            "bar": bar + 1,
            "bars": count,
            "bar_time": when,
        }
        yield EventDraft("progress", dumps(progress), bar, (bar + 1) / count)
