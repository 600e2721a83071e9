"""Typed dicts of the events and changes that clients receive; see `documents` for everything else.

`actors.run` and `engine.reporting.event_drafts` write the payloads.
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
    StatusDocument,
    Trade,
)
from glowback_trio.server.openapi.optimization_documents import OptimizationStatusDocument

__all__ = ["ChangeDocument", "EventDocument", "LogDifferenceDocument"]


class Queued(TypedDict):
    """A run was accepted."""

    state: Literal["queued"]
    message: str


class Running(TypedDict):
    """A run began."""

    state: Literal["running"]
    error: str | None


class EndedDocument(TypedDict):
    """A run ended; this is the last event of every log.

    Attributes:
        error: Why it failed or was cancelled; null otherwise.
        event_count: Events in the log, this one included.
        digest: SHA-256 over the bytes of all events before this one, joined by newlines.
    """

    state: EndStateName
    error: str | None
    event_count: Annotated[int, Ge(2)]
    digest: Annotated[str, Pattern("sha256:[0-9a-f]{64}", "a digest")]


class Progress(TypedDict):
    """The progress of a run.

    Attributes:
        bar: Bars simulated so far.
        bars: Bars in total.
        bar_time: Time of the last simulated bar.
    """

    progress: Fraction
    message: str
    bar: int
    bars: int
    bar_time: Instant


class LogLine(TypedDict):
    """A message for people."""

    level: Literal["info", "warning", "error"]
    message: str


class EventHead(TypedDict):
    """The fields that every event begins with.

    Attributes:
        event_id: 1, 2, 3 … within its run.
    """

    event_id: Annotated[int, Ge(1)]
    run_id: RunId
    timestamp: Instant


class StateEvent(EventHead):
    """A run was queued, began or ended."""

    type: Literal["state"]
    payload: Queued | Running | EndedDocument


class ProgressEvent(EventHead):
    """A run completed another step."""

    type: Literal["progress"]
    payload: Progress


class MetricEvent(EventHead):
    """A row of the equity curve, as in the result."""

    type: Literal["metric"]
    payload: EquityRow


class TradeEvent(EventHead):
    """A fill, as in the result."""

    type: Literal["trade"]
    payload: Trade


class OrderStepEvent(EventHead):
    """An event of an order, as in the result."""

    type: Literal["order"]
    payload: OrderEvent


class LogEvent(EventHead):
    """A log message."""

    type: Literal["log"]
    payload: LogLine


EventDocument = StateEvent | ProgressEvent | MetricEvent | TradeEvent | OrderStepEvent | LogEvent


class LogDifferenceDocument(TypedDict):
    """The first event at which two logs part.

    Attributes:
        equal: Whether they do not, but for ids, times and digests.
        events: Number of events of the one and of the other log.
        at: The id of the event; null if the logs are equal.
        events_there: That event of the one and of the other log; null where a log has ended.
    """

    equal: bool
    events: list[Annotated[int, Ge(1)]]
    at: Annotated[int, Ge(1)] | None
    events_there: list[EventDocument | None]


class DeletedRun(TypedDict):
    """What is left of a run that was deleted."""

    run_id: RunId


class DeletedOptimization(TypedDict):
    """What is left of an optimization that was deleted."""

    optimization_id: RunId


class Epoch(TypedDict):
    """The point from which a client knows everything, once it has read the lists.

    Attributes:
        epoch: To be given back with the id of the last change.
    """

    epoch: str


class RunChange(TypedDict):
    """A run is new, or has changed."""

    event_id: Annotated[int, Ge(0)]
    type: Literal["run"]
    timestamp: Instant
    payload: StatusDocument


class RunDeletion(TypedDict):
    """A run was deleted."""

    event_id: Annotated[int, Ge(0)]
    type: Literal["run_deleted"]
    timestamp: Instant
    payload: DeletedRun


class OptimizationChange(TypedDict):
    """An optimization is new, or has changed."""

    event_id: Annotated[int, Ge(0)]
    type: Literal["optimization"]
    timestamp: Instant
    payload: OptimizationStatusDocument


class OptimizationDeletion(TypedDict):
    """An optimization was deleted."""

    event_id: Annotated[int, Ge(0)]
    type: Literal["optimization_deleted"]
    timestamp: Instant
    payload: DeletedOptimization


class Reset(TypedDict):
    """All that the client knows is void: it reads the lists."""

    event_id: Annotated[int, Ge(0)]
    type: Literal["reset"]
    timestamp: Instant
    payload: Epoch


ChangeDocument = RunChange | RunDeletion | OptimizationChange | OptimizationDeletion | Reset
