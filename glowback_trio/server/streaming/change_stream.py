"""The WebSocket stream of changes: what becomes of runs and optimizations, for lists of them."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Annotated, TypeAlias

import trio
from attrs import frozen

from glowback_trio.model.bounds import Checked, MinLen
from glowback_trio.model.stream_protocol import TOO_MANY_STREAMS, Cursor
from glowback_trio.server.http.responses import Response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.change_feed import ChangeFeed
from glowback_trio.server.streaming.log_stream import (
    Batch,
    Heartbeat,
    StreamKind,
    cancel_at_disconnect,
    handoff,
    websocket_only,
)
from glowback_trio.server.streaming.websocket import AsgiWebSocket
from glowback_trio.store.run_filter import Word
from glowback_trio.wire.changes import ChangeType

__all__ = ["CHANGES", "ChangeStreamQuery", "ChangeTypes", "explain_change_stream"]

ChangeTypes: TypeAlias = Annotated[tuple[ChangeType, ...], MinLen(1)]


@frozen(kw_only=True)
class ChangeStreamQuery(Checked):
    """Which changes to stream, and how.

    Attributes:
        last_event_id: Only changes with higher ids; given with `epoch`.
        epoch: The epoch that the last `reset` named. Left out, or another one: a `reset` comes
            first.
        types: Only changes of these types, and a `reset`; a comma-separated list.
        batch: Send arrays of up to this many changes instead of single changes. An array takes at
            most 32 KiB (`GLOWBACK_MAX_MESSAGE_BYTES`) unless its only change is larger.
        heartbeat: Seconds without a change after which a heartbeat states the stream's position.
    """

    last_event_id: Cursor | None = None
    epoch: Word | None = None
    types: ChangeTypes | None = None
    batch: Batch | None = None
    heartbeat: Heartbeat | None = None


async def explain_change_stream(_app_state: AppState, **_query: object) -> Response:
    """Stream over WebSocket what becomes of all runs and optimizations.

    Each text message is one change, or an array of changes with `batch`: `run` and `optimization`
    have a whole status as their payload, `run_deleted` and `optimization_deleted` an id. A stream
    without a cursor begins with `reset`, which names the `epoch`: then ask for the lists, and take
    each change as what has become of its run since. With `last_event_id` and `epoch` a stream goes
    on where another one has broken off; where the server cannot tell what has changed since, after
    a restart or a long time, it sends a `reset`. Of several changes of one run in a quarter of a
    second, or while a client does not read, only the newest is sent; progress counts as a change, a
    number of events alone does not. The stream has no end. Heartbeats, tickets and close codes are
    those of the streams of runs: 1012 the server is shutting down, 1013 too many streams, 1011 a
    server error.
    """
    raise websocket_only("/changes/events")


async def _serve(
    app_state: AppState,
    websocket: AsgiWebSocket,
    _arguments: object,
    query: ChangeStreamQuery,
    subprotocol: str | None,
) -> None:
    """Send changes for as long as the client and the server are there."""
    await websocket.accept({"X-Request-ID": websocket.context.request_id}, subprotocol)
    if app_state.streams.full:
        await websocket.close(TOO_MANY_STREAMS)
        return
    feeds = app_state.change_feeds
    cursor = feeds.log.cursor_of(query.last_event_id, query.epoch)
    with ExitStack() as open_stream:
        open_stream.enter_context(app_state.streams.counted(feeds))
        feed = feeds.of(query.types, query.batch, query.heartbeat or math.inf)
        hand_off = handoff(app_state, websocket.context)
        if hand_off is None:
            await _send_all(app_state, websocket, feed, cursor)
        else:
            # The hub closes what this stream holds when it ends.
            hand_off(feed, cursor, open_stream.pop_all().close)


async def _send_all(
    app_state: AppState, websocket: AsgiWebSocket, feed: ChangeFeed, cursor: int
) -> None:
    """Send message by message, for a WebSocket that the hub does not serve."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancel_at_disconnect, websocket, nursery.cancel_scope)
        while True:
            texts, cursor = feed.read(cursor)
            if not texts:
                with trio.move_on_after(feed.quiet) as waiting:
                    await feed.log.bell.wait()
                if not waiting.cancelled_caught:
                    continue
                texts = [feed.heartbeat(cursor)]
            for message in texts:
                await websocket.send(message.decode())
            # Sends are no checkpoints after a disconnect.
            await trio.lowlevel.checkpoint()
            app_state.metrics.count_sent("websocket", len(texts))


#: The stream of changes.
CHANGES = StreamKind("/changes/stream", ChangeStreamQuery, _serve)
