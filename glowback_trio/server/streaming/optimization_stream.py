"""The streams of optimizations: their path, their query, and how an attempt is found."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen

from glowback_trio.actors import Streamed
from glowback_trio.model.bounds import Checked, Ge
from glowback_trio.model.stream_protocol import Cursor, OptimizationEventTypes
from glowback_trio.server.http.responses import Response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.streaming.log_stream import Batch, Heartbeat, log_kind, websocket_only

__all__ = [
    "OPTIMIZATIONS",
    "AttemptNumber",
    "OptimizationStreamQuery",
    "explain_optimization_stream",
]

#: The number of an attempt.
AttemptNumber = Annotated[int, Ge(1)]


@frozen(kw_only=True)
class OptimizationStreamQuery(Checked):
    """Which events to stream, and how.

    Attributes:
        attempt: The attempt whose events to stream; the newest if it is left out.
        last_event_id: Only events with higher ids.
        types: Only events of these types, and the terminal event; a comma-separated list.
        batch: Send arrays of up to this many events instead of single events. An array takes at
            most 32 KiB (`GLOWBACK_MAX_MESSAGE_BYTES`) unless its only event is larger.
        heartbeat: Seconds without an event after which a heartbeat states the stream's position.
    """

    attempt: AttemptNumber | None = None
    last_event_id: Cursor = 0
    types: OptimizationEventTypes | None = None
    batch: Batch | None = None
    heartbeat: Heartbeat | None = None


async def explain_optimization_stream(
    app_state: AppState, optimization_id: str, **_query: object
) -> Response:
    """Stream the events of an optimization's attempt over WebSocket.

    All is as for the streams of runs: messages, cursors, close codes, heartbeats and tickets. The
    events of an attempt are numbered from 1, and end with its terminal event; a resumed
    optimization has a new attempt. A client that reconnects names the attempt, so that it goes on
    with the same log.
    """
    app_state.gateway.optimization(optimization_id)
    raise websocket_only(f"/optimizations/{optimization_id}/events")


async def _find(
    app_state: AppState, optimization_id: str, query: OptimizationStreamQuery
) -> Streamed:
    optimization = await app_state.gateway.load_optimization(optimization_id)
    return optimization.attempt(query.attempt)


#: The streams of optimizations.
OPTIMIZATIONS = log_kind(
    "/optimizations/{optimization_id}/stream", OptimizationStreamQuery, "optimization", _find
)
