"""Events as clients get them, described as `documents` describes the rest.

The payloads are written by `actors.run` and `engine.drafts`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from glowback_trio.model.bounds import Ge, Pattern
from glowback_trio.model.stream_protocol import EndStateName
from glowback_trio.server.openapi.documents import (
    EquityRow,
    Fraction,
    Instant,
    OrderEvent,
    RunId,
    Trade,
)

__all__ = ["EventDocument"]


class Queued(TypedDict):
    """A run was accepted."""

    state: Literal["queued"]
    message: str


class Running(TypedDict):
    """A run has begun."""

    state: Literal["running"]
    error: str | None


class EndedDocument(TypedDict):
    """A run has ended: the last event of every log.

    Attributes:
        event_count: All events of the log, this one included.
        digest: SHA-256 over the bytes of all events before this one, joined by newlines.
    """

    state: EndStateName
    error: str | None
    event_count: Annotated[int, Ge(2)]
    digest: Annotated[str, Pattern("sha256:[0-9a-f]{64}", "a digest")]


class Progress(TypedDict):
    """How far a run is.

    Attributes:
        bar: Bars done.
        bars: Bars in all.
        bar_time: Time of the bar.
    """

    progress: Fraction
    message: str
    bar: int
    bars: int
    bar_time: Instant


class LogLine(TypedDict):
    """A sentence for people."""

    level: Literal["info", "warning", "error"]
    message: str


class EventHead(TypedDict):
    """What all events begin with.

    Attributes:
        event_id: 1, 2, 3 … within its run.
    """

    event_id: Annotated[int, Ge(1)]
    run_id: RunId
    timestamp: Instant


class StateEvent(EventHead):
    """A run was queued, has begun or has ended."""

    type: Literal["state"]
    payload: Queued | Running | EndedDocument


class ProgressEvent(EventHead):
    """A step of the way is done."""

    type: Literal["progress"]
    payload: Progress


class MetricEvent(EventHead):
    """A row of the equity curve, as the result will hold it."""

    type: Literal["metric"]
    payload: EquityRow


class TradeEvent(EventHead):
    """A fill, as the result will hold it."""

    type: Literal["trade"]
    payload: Trade


class OrderStepEvent(EventHead):
    """A step in an order's life, as the result will hold it."""

    type: Literal["order"]
    payload: OrderEvent


class LogEvent(EventHead):
    """Something worth telling."""

    type: Literal["log"]
    payload: LogLine


EventDocument = StateEvent | ProgressEvent | MetricEvent | TradeEvent | OrderStepEvent | LogEvent
