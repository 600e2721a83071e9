"""The WebSocket stream: a run's events, replayed and live, one text message each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import trio
from attrs import frozen
from quart import websocket

from glowback_trio.actors import Subscription
from glowback_trio.errors import CursorAheadError, UnknownRunError
from glowback_trio.model.bounds import Checked, Ge, Le, MinLen
from glowback_trio.model.events import Event, EventType
from glowback_trio.server.answers import Response
from glowback_trio.server.current import identity
from glowback_trio.server.failures import HttpError
from glowback_trio.server.site import Site

__all__ = ["StreamQuery", "explain_stream", "stream_events"]

_READ_AT_ONCE = 256
_NORMAL, _POLICY, _TRY_LATER, _CURSOR_AHEAD = 1000, 1008, 1013, 4400


@frozen(kw_only=True)
class StreamQuery(Checked):
    """From where on, what, and in which form.

    Attributes:
        last_event_id: Only events with higher ids.
        types: Only events of these types, and the terminal one; a comma list.
        batch: Send arrays of up to so many events instead of single events.
    """

    last_event_id: Annotated[int, Ge(0)] = 0
    types: Annotated[tuple[EventType, ...], MinLen(1)] | None = None
    batch: Annotated[int, Ge(2), Le(1000)] | None = None


async def explain_stream(site: Site, run_id: str, **_query: object) -> Response:
    """Stream a run's events over WebSocket.

    Connect with WebSocket. Each text message is one event, or with `batch` an array of events:
    those after `last_event_id` first, then live ones with no seam. After the terminal event the
    server closes with 1000. Other close codes: 1008 run not found, 4400 `last_event_id` is ahead of
    the log, 1013 too many streams, 1012 the server is shutting down, 1011 a fault. Keys and query
    are checked before the handshake (401, 403, 400); browsers may give a key as `api_key`.
    """
    site.gateway.run(run_id)
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    raise HttpError(426, "This path speaks WebSocket", headers=headers)


async def stream_events(site: Site, run_id: str, query: StreamQuery) -> None:
    """Send a run's events from a cursor on and close after the terminal one."""
    await websocket.accept({"X-Request-ID": identity()})
    try:
        run = site.gateway.run(run_id)
        subscription = run.subscribe(query.last_event_id, query.types)
    except UnknownRunError:
        await websocket.close(_POLICY, "run not found")
        return
    except CursorAheadError:
        await websocket.close(_CURSOR_AHEAD, "last_event_id is ahead of the log")
        return
    if site.streams.full:
        await websocket.close(_TRY_LATER, "too many streams are open")
        return
    with site.streams.opened(), subscription:
        await _send_to_the_end(subscription, query.batch)


async def _send_to_the_end(subscription: Subscription, batch: int | None) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_discard_messages)
        # Reading is a checkpoint even where sending is none any more, after a disconnect.
        while events := await subscription.read(batch or _READ_AT_ONCE):
            for text in _messages(events, batched=batch is not None):
                await websocket.send(text)
        await websocket.close(_NORMAL)
        nursery.cancel_scope.cancel()


def _messages(events: Sequence[Event], *, batched: bool) -> list[str]:
    texts = [event.data.decode() for event in events]
    return [f"[{','.join(texts)}]"] if batched else texts


async def _discard_messages() -> None:
    """Take what the client says, so that its going away is heard behind it."""
    while True:
        await websocket.receive()
