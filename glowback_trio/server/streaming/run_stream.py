"""The WebSocket stream of a run: its events, replayed and then live, as text messages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated, cast

import trio
from attrs import frozen

from glowback_trio.actors import Subscription
from glowback_trio.errors import CursorAheadError, GatewayClosedError, UnknownRunError
from glowback_trio.model.bounds import Checked, Ge, Le
from glowback_trio.model.events import Event
from glowback_trio.model.stream_protocol import (
    CURSOR_AHEAD,
    ENDED,
    RUN_NOT_FOUND,
    TOO_MANY_STREAMS,
    Cursor,
    EventTypes,
)
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.http.responses import Response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.feeds import heartbeat, messages
from glowback_trio.server.streaming.websocket import AsgiWebSocket
from glowback_trio.serving import HANDOFF, Handoff

__all__ = ["STREAM_PATH", "StreamQuery", "explain_stream", "stream_events"]

STREAM_PATH = "/backtests/{run_id}/stream"


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
    batch: Annotated[int, Ge(2), Le(1000)] | None = None
    heartbeat: Annotated[float, Ge(1), Le(3600)] | None = None


async def explain_stream(app_state: AppState, run_id: str, **_query: object) -> Response:
    """Stream a run's events over WebSocket.

    Connect with a WebSocket. Each text message is one event, or an array of events with `batch`:
    first the stored events after `last_event_id`, then live ones without a gap. An array takes at
    most 32 KiB (`GLOWBACK_MAX_MESSAGE_BYTES`) unless its only event is larger. After the terminal
    event the server closes with 1000. With `heartbeat`, a stream without events for that many
    seconds gets `{"type":"heartbeat","event_id":n}`: everything up to n was sent or filtered out,
    so a client may resume after n. Other close codes: 1008 run not found, 4400 `last_event_id` is
    ahead of the log, 1013 too many streams, 1012 the server is shutting down, 1011 a server error.
    Key and query are checked before the handshake (401, 403, 429, 400). Browsers offer a ticket
    from `POST /stream-tickets` as a subprotocol, or send a key as `api_key`.
    """
    app_state.gateway.run(run_id)
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    message = (
        f"This path serves WebSocket only; GET /backtests/{run_id}/events streams the same events "
        "to other clients"
    )
    raise HttpError(426, message, headers=headers)


async def stream_events(
    app_state: AppState,
    websocket: AsgiWebSocket,
    run_id: str,
    query: StreamQuery,
    subprotocol: str | None,
) -> None:
    """Send a run's events from a cursor on, and close after the terminal event.

    A stream that the hub takes over goes on after this returns; the hub ends it.
    """
    # Accepted before the run is looked up: browsers do not show the status of a rejected handshake,
    # but they do show close codes.
    await websocket.accept({"X-Request-ID": websocket.context.request_id}, subprotocol)
    try:
        run = await app_state.gateway.load_run(run_id)
        subscription = run.subscribe(query.last_event_id, query.types)
    except UnknownRunError:
        await websocket.close(RUN_NOT_FOUND)
        return
    except CursorAheadError:
        await websocket.close(CURSOR_AHEAD)
        return
    # After the run, so that a client that would get nothing anyway learns why.
    if app_state.streams.full:
        await websocket.close(TOO_MANY_STREAMS)
        return
    with ExitStack() as open_stream:
        open_stream.enter_context(app_state.streams.counted(run))
        open_stream.enter_context(subscription)
        hand_off = _handoff(app_state, websocket.context)
        if hand_off is None:
            await _send_all(app_state, websocket, subscription, query)
        else:
            quiet = query.heartbeat or math.inf
            feed = app_state.streams.feeds.of(run, query.types, query.batch, quiet)
            # The hub closes what this stream holds when it ends.
            hand_off(feed, query.last_event_id, open_stream.pop_all().close)


def _handoff(app_state: AppState, context: RequestContext) -> Handoff | None:
    """Return what hands this WebSocket to the hub; None if the hub cannot serve it."""
    offered = context.headers.getlist("Sec-WebSocket-Extensions")
    if app_state.settings.allow_compression and any(
        "permessage-deflate" in each for each in offered
    ):
        return None  # the hub writes the same uncompressed bytes to every stream
    return cast("Handoff | None", context.scope.get("extensions", {}).get(HANDOFF))


async def _send_all(
    app_state: AppState, websocket: AsgiWebSocket, subscription: Subscription, query: StreamQuery
) -> None:
    """Send message by message, for a WebSocket that the hub does not serve."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_at_disconnect, websocket, nursery.cancel_scope)
        # The loop ends after a disconnect, although sends are no checkpoints then: reads are.
        while not subscription.ended:
            events: Sequence[Event] = ()
            with trio.move_on_after(query.heartbeat or math.inf):
                try:
                    events = await subscription.read()
                except GatewayClosedError:
                    # The server closes it with 1012, as it does those of the hub.
                    await trio.sleep_forever()
            limit = app_state.settings.max_message_bytes
            texts = messages(events, query.batch, limit) or [heartbeat(subscription.cursor)]
            for message in texts:
                await websocket.send(message.decode())
            app_state.metrics.count_sent("websocket", len(events))
        await websocket.close(ENDED)
        nursery.cancel_scope.cancel()


async def _cancel_at_disconnect(websocket: AsgiWebSocket, stream: trio.CancelScope) -> None:
    await websocket.wait_disconnected()
    stream.cancel()
