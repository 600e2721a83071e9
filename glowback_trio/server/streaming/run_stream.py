"""The streams of runs: their path, their query, and how a run is found."""

from __future__ import annotations

from attrs import frozen

from glowback_trio.actors import Streamed
from glowback_trio.model.bounds import Checked
from glowback_trio.model.stream_protocol import Cursor, EventTypes
from glowback_trio.server.http.responses import Response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.streaming.log_stream import Batch, Heartbeat, log_kind, websocket_only

__all__ = ["RUNS", "StreamQuery", "explain_stream"]


@frozen(kw_only=True)
class StreamQuery(Checked):
    """Which events to stream, and how.

    Attributes:
        last_event_id: Only events with higher ids.
        types: Only events of these types, and the terminal event; a comma-separated list.
        batch: Send arrays of up to this many events instead of single events. An array takes at
            most 32 KiB (`GLOWBACK_MAX_MESSAGE_BYTES`) unless its only event is larger.
        heartbeat: Seconds without an event after which a heartbeat states the stream's position.
    """

    last_event_id: Cursor = 0
    types: EventTypes | None = None
    batch: Batch | None = None
    heartbeat: Heartbeat | None = None


async def explain_stream(app_state: AppState, run_id: str, **_query: object) -> Response:
    """Stream a run's events over WebSocket.

    Connect with a WebSocket. Each text message is one event, or an array of events with `batch`:
    first the stored events after `last_event_id`, then live ones without a gap. An array takes at
    most 32 KiB (`GLOWBACK_MAX_MESSAGE_BYTES`) unless its only event is larger. After the terminal
    event the server closes with 1000. With `heartbeat`, a stream without events for that many
    seconds gets `{"type":"heartbeat","event_id":n}`: everything up to n was sent or filtered out,
    so a client may resume after n. Other close codes: 1008 run not found, 4400 `last_event_id` is
    ahead of the log, 1013 too many streams, 1012 the server is shutting down, 1011 a server error,
    and 4421, to other gateways of a cluster only: this one does not compute the run. Key and query
    are checked before the handshake (401, 403, 429, 400). Browsers offer a ticket from
    `POST /stream-tickets` as a subprotocol, or send a key as `api_key`.
    """
    app_state.gateway.run(run_id)
    raise websocket_only(f"/backtests/{run_id}/events")


async def _find(app_state: AppState, run_id: str, _query: StreamQuery) -> Streamed:
    return await app_state.gateway.load_run(run_id)


#: The streams of runs.
RUNS = log_kind("/backtests/{run_id}/stream", StreamQuery, "run", _find)
