"""The WebSocket stream of a log: its events, replayed and then live, as text messages."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Annotated, Generic, Literal, Protocol, TypeAlias, TypeVar, cast

import trio
from attrs import frozen

from glowback_trio.actors import Streamed, Subscription
from glowback_trio.errors import CursorAheadError, GatewayClosedError, UnknownRunError
from glowback_trio.model.bounds import Checked, Ge, Le
from glowback_trio.model.events import AnyEventType, Event
from glowback_trio.model.optimization.errors import UnknownAttemptError, UnknownOptimizationError
from glowback_trio.model.stream_protocol import (
    ATTEMPT_NOT_FOUND,
    CURSOR_AHEAD,
    ENDED,
    HELD_ELSEWHERE,
    OPTIMIZATION_NOT_FOUND,
    RUN_NOT_FOUND,
    TOO_MANY_STREAMS,
    StreamClose,
)
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.feeds import heartbeat, messages
from glowback_trio.server.state.subscribing import subscribe
from glowback_trio.server.streaming.websocket import AsgiWebSocket
from glowback_trio.serving import HANDOFF, Handoff
from glowback_trio.store.cluster import HeldElsewhereError, Named

__all__ = [
    "Batch",
    "Heartbeat",
    "StreamKind",
    "StreamSelection",
    "cancel_at_disconnect",
    "handoff",
    "log_kind",
    "websocket_only",
]

#: The longest time that a stream may be quiet, at most.
Heartbeat: TypeAlias = Annotated[float, Ge(1), Le(3600)]
#: How many events a message may have.
Batch: TypeAlias = Annotated[int, Ge(2), Le(1000)]


class StreamSelection(Protocol):
    """Which events of a log to stream, and how; each kind of log has a query of its own."""

    @property
    def last_event_id(self) -> int:
        """Only events with higher ids."""

    @property
    def types(self) -> tuple[AnyEventType, ...] | None:
        """Only events of these types, and the terminal event; None: all."""

    @property
    def batch(self) -> int | None:
        """Most events in one message, which is an array then; None: single events."""

    @property
    def heartbeat(self) -> float | None:
        """Seconds without an event after which a heartbeat is sent; None: never."""


Q = TypeVar("Q", bound=Checked)


@frozen
class StreamKind(Generic[Q]):
    """A path at which streams of one kind are served.

    Attributes:
        path: The path, with the parameter that names what is streamed, if there is one.
        query: What its queries are read as.
        serve: Serves a WebSocket that is not accepted yet, with the parameters in its path, its
            query, and the subprotocol to select.
    """

    path: str
    query: type[Q]
    serve: Callable[[AppState, AsgiWebSocket, Mapping[str, str], Q, str | None], Awaitable[None]]


def log_kind(
    path: str,
    query: type[Q],
    kind: Literal["run", "optimization"],
    find: Callable[[AppState, str, Q], Awaitable[Streamed]],
) -> StreamKind[Q]:
    """Return the kind of stream that gives logs.

    Args:
        path: The path, with the parameter that names what the log is of.
        query: What its queries are read as; it has the fields of a `StreamSelection`.
        kind: What the log is of.
        find: Finds what the log is of.
    """

    async def serve(
        app_state: AppState,
        websocket: AsgiWebSocket,
        arguments: Mapping[str, str],
        asked: Q,
        subprotocol: str | None,
    ) -> None:
        [identity] = arguments.values()
        selection = cast("StreamSelection", asked)
        named: Named = (kind, identity)

        async def subscribed() -> tuple[Streamed, Subscription]:
            source = await find(app_state, identity, asked)
            cursor = selection.last_event_id
            if app_state.is_elsewhere(named):
                await _check_followed(app_state, websocket, named, source, cursor)
            types = selection.types
            return source, await subscribe(app_state.holding, named, source, cursor, types)

        await _stream_events(app_state, websocket, subscribed, selection, subprotocol)

    return StreamKind(path, query, serve)


async def _check_followed(
    app_state: AppState, websocket: AsgiWebSocket, named: Named, source: Streamed, cursor: int
) -> None:
    """Check that a log which another gateway computes can be streamed here.

    Raises:
        HeldElsewhereError: It is for a peer, which follows it at its holder only.
    """
    if websocket.context.notes.from_peer:
        raise HeldElsewhereError(f"Another gateway holds {named[0]} {named[1]}")
    holding = app_state.holding
    # The client may have read more at another gateway than this one has been told.
    if holding is not None and cursor > source.broadcaster.log.watermark:
        await holding.catch_up(named)


def websocket_only(instead: str) -> HttpError:
    """Return the 426 for a plain request to a path of WebSockets.

    Args:
        instead: The path that other clients use.
    """
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    message = (
        f"This path serves WebSocket only; GET {instead} streams the same events to other clients"
    )
    return HttpError(426, message, headers=headers)


async def _stream_events(
    app_state: AppState,
    websocket: AsgiWebSocket,
    find: Callable[[], Awaitable[tuple[Streamed, Subscription]]],
    query: StreamSelection,
    subprotocol: str | None,
) -> None:
    """Send a log's events from a cursor on, and close after the terminal event.

    A stream that the hub takes over goes on after this returns; the hub ends it.

    Args:
        app_state: The state of the app.
        websocket: The WebSocket, not accepted yet.
        find: Finds what the log is of, and subscribes to it.
        query: Which events, and how.
        subprotocol: What to select; None: nothing.
    """
    # Accepted before anything is looked up: browsers do not show the status of a rejected
    # handshake, but they do show close codes.
    await websocket.accept({"X-Request-ID": websocket.context.request_id}, subprotocol)
    try:
        source, subscription = await find()
    except UnknownRunError as error:
        await websocket.close(_not_found(error))
        return
    except CursorAheadError:
        await websocket.close(CURSOR_AHEAD)
        return
    except HeldElsewhereError:
        await websocket.close(HELD_ELSEWHERE)
        return
    # After the lookup, so that a client that would get nothing anyway learns why.
    if app_state.streams.full and not websocket.context.notes.from_peer:
        await websocket.close(TOO_MANY_STREAMS)
        return
    with ExitStack() as open_stream:
        open_stream.enter_context(app_state.streams.counted(source))
        open_stream.enter_context(subscription)
        hand_off = handoff(app_state, websocket.context)
        if hand_off is None:
            await _send_all(app_state, websocket, subscription, query)
        else:
            quiet = query.heartbeat or math.inf
            feed = app_state.streams.feeds.of(source, query.types, query.batch, quiet)
            # The hub closes what this stream holds when it ends.
            hand_off(feed, query.last_event_id, open_stream.pop_all().close)


def _not_found(error: UnknownRunError) -> StreamClose:
    match error:
        case UnknownAttemptError():
            return ATTEMPT_NOT_FOUND
        case UnknownOptimizationError():
            return OPTIMIZATION_NOT_FOUND
        case _:
            return RUN_NOT_FOUND


def handoff(app_state: AppState, context: RequestContext) -> Handoff | None:
    """Return what hands this WebSocket to the hub; None if the hub cannot serve it."""
    offered = context.headers.getlist("Sec-WebSocket-Extensions")
    if app_state.settings.allow_compression and any(
        "permessage-deflate" in each for each in offered
    ):
        return None  # the hub writes the same uncompressed bytes to every stream
    return cast("Handoff | None", context.scope.get("extensions", {}).get(HANDOFF))


async def _send_all(
    app_state: AppState,
    websocket: AsgiWebSocket,
    subscription: Subscription,
    query: StreamSelection,
) -> None:
    """Send message by message, for a WebSocket that the hub does not serve."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancel_at_disconnect, websocket, nursery.cancel_scope)
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


async def cancel_at_disconnect(websocket: AsgiWebSocket, stream: trio.CancelScope) -> None:
    """Receive until the client disconnects, then cancel its stream."""
    await websocket.wait_disconnected()
    stream.cancel()
