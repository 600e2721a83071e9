"""Changes over plain HTTP: a JSON array, NDJSON lines, or server-sent events."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import trio
from attrs import frozen
from quart import request

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, Ge, Le
from glowback_trio.model.stream_protocol import Cursor
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.request import current_request
from glowback_trio.server.http.responses import JSON, Response
from glowback_trio.server.routes.events import COMMENT, NDJSON, PREAMBLE, QUIET_S, SSE
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.streaming.change_stream import ChangeTypes
from glowback_trio.store.run_filter import Word
from glowback_trio.wire.changes import Change, ChangeType

__all__ = ["ChangesQuery", "changes"]

_READ_AT_ONCE = 256
# What this server has sent as the id of a server-sent event: the epoch and the revision.
_EVENT_ID = re.compile(r"([\w-]{1,64})\.(\d{1,18})", re.ASCII)


@frozen(kw_only=True)
class ChangesQuery(Checked):
    """Which changes to return.

    Attributes:
        after: Only changes with higher ids; given with `epoch`.
        epoch: The epoch that the last `reset` named. Left out, or another one: a `reset` comes
            first.
        limit: The greatest number of changes; server-sent events go on without end.
        types: Only changes of these types, and a `reset`; a comma-separated list.
    """

    after: Cursor | None = None
    epoch: Word | None = None
    limit: Annotated[int, Ge(1), Le(10_000)] = 1000
    types: ChangeTypes | None = None


async def changes(app_state: AppState, query: ChangesQuery) -> Response:
    """Return what has become of all runs and optimizations, in the format that `Accept` names.

    The changes are those of `GET /changes/stream`, with the same bytes. `application/json` and
    `application/x-ndjson` return what has changed after a cursor, or a `reset`.
    `text/event-stream` goes on without end; the id of each event has the epoch in it, so that a
    browser that reconnects goes on where it was.
    """
    log = app_state.change_feeds.log
    cursor = log.cursor_of(query.after, query.epoch)
    match request.accept_mimetypes.best_match([JSON, NDJSON, SSE], default=JSON):
        case "text/event-stream":
            return _live(app_state, query.types, cursor)
        case "application/x-ndjson":
            found, _ = log.read(cursor, query.limit, query.types)
            lines = b"".join(b"%b\n" % each.data for each in found)
            return Response(lines, content_type=NDJSON)
        case _:
            found, _ = log.read(cursor, query.limit, query.types)
            array = b"[%b]" % b",".join(each.data for each in found)
            return Response(array, content_type=JSON)


def _live(app_state: AppState, types: Sequence[ChangeType] | None, cursor: int) -> Response:
    if app_state.streams.full:
        raise HttpError(503, "Too many streams are open; try again later")
    # A reconnecting browser's `Last-Event-ID` wins over its old URL.
    last = request.headers.get("Last-Event-ID")
    if last is not None:
        cursor = _cursor(app_state, last)
    current_request().notes.is_stream = True
    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    return Response(_frames(app_state, types, cursor), 200, headers, content_type=SSE)


def _cursor(app_state: AppState, last: str) -> int:
    if (parts := _EVENT_ID.fullmatch(last)) is None:
        message = "Input should be the id of an event that this stream has sent"
        problem = Problem("value_error", ("header", "Last-Event-ID"), message, last)
        raise InvalidRequestError([problem])
    return app_state.change_feeds.log.cursor_of(int(parts[2]), parts[1])


async def _frames(
    app_state: AppState, types: Sequence[ChangeType] | None, cursor: int
) -> AsyncIterator[bytes]:
    feeds = app_state.change_feeds
    with app_state.streams.counted(feeds):
        yield PREAMBLE
        # What closes ends its streams: clients come back.
        while not feeds.log.closed:
            found, cursor = feeds.log.read(cursor, _READ_AT_ONCE, types)
            if found:
                yield b"".join(_frame(each, feeds.log.epoch) for each in found)
                app_state.metrics.count_sent("sse", len(found))
                continue
            with trio.move_on_after(QUIET_S) as waiting:
                await feeds.log.bell.wait()
            if waiting.cancelled_caught:
                yield COMMENT


def _frame(change: Change, epoch: str) -> bytes:
    head = f"id: {epoch}.{change.event_id}\nevent: {change.type}\n"
    return b"%bdata: %b\n\n" % (head.encode(), change.data)
