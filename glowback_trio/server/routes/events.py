"""The events of a log over plain HTTP: a JSON array, NDJSON lines, or server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Protocol
from urllib.parse import urlencode

import trio
from attrs import frozen
from quart import request

from glowback_trio.actors import Streamed, Subscription
from glowback_trio.errors import CursorAheadError, GatewayClosedError, InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, Ge, Le
from glowback_trio.model.events import AnyEventType, Event
from glowback_trio.model.stream_protocol import Cursor, EventTypes
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.parameters import parse_text
from glowback_trio.server.http.request import current_request
from glowback_trio.server.http.responses import JSON, Response
from glowback_trio.server.http.route import prefix
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.subscribing import subscribe
from glowback_trio.store.cluster import Named

__all__ = [
    "COMMENT",
    "NDJSON",
    "PREAMBLE",
    "QUIET_S",
    "SSE",
    "EventsQuery",
    "EventsSelection",
    "LogPlace",
    "events_response",
    "run_events",
]

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"

#: Seconds without an event after which a comment keeps proxies from closing the connection.
QUIET_S = 15.0
_READ_AT_ONCE = 256
# Events per chunk of a stored body: some tens of kilobytes.
_WRITTEN_AT_ONCE = 128
#: Lines, and no blocks: many clients take a block without data for an empty event, so both become
#: part of the block of the next event. The first is sent before there is an event, so that the head
#: of the response goes out at once.
PREAMBLE = b"retry: 1000\n"
COMMENT = b": still here\n"


class EventsSelection(Protocol):
    """Which events of a log to return; each kind of log has a query of its own."""

    @property
    def after(self) -> int:
        """Only events with higher ids."""

    @property
    def limit(self) -> int:
        """The greatest number of events of a stored body."""

    @property
    def types(self) -> tuple[AnyEventType, ...] | None:
        """Only events of these types, and the terminal event; None: all."""


@frozen
class LogPlace:
    """Where the events of a log are had.

    Attributes:
        path: The path, without its prefix.
        named: Names what the log is of.
        query: What tells the log apart from others at this path.
    """

    path: str
    named: Named
    query: Mapping[str, object] = {}


@frozen(kw_only=True)
class EventsQuery(Checked):
    """Which events to return.

    Attributes:
        after: Only events with higher ids.
        limit: The greatest number of events; server-sent events go on to the end of the run.
        types: Only events of these types, and the terminal event; a comma-separated list.
    """

    after: Cursor = 0
    limit: Annotated[int, Ge(1), Le(10_000)] = 1000
    types: EventTypes | None = None


async def run_events(app_state: AppState, run_id: str, query: EventsQuery) -> Response:
    """Return a run's events after a cursor, in the format that `Accept` names.

    `application/json` and `application/x-ndjson` return stored events, with a `Link` header to
    the rest. `text/event-stream` replays the stored events and then streams live ones, up to the
    terminal event. An event has the same bytes in every format and on the WebSocket.
    """
    place = LogPlace(f"/backtests/{run_id}/events", ("run", run_id))
    return await events_response(app_state, app_state.gateway.run(run_id), query, place)


async def events_response(
    app_state: AppState, source: Streamed, query: EventsSelection, place: LogPlace
) -> Response:
    """Return the events of a log after a cursor, in the format that `Accept` names.

    Args:
        app_state: The state of the app.
        source: What the log is of.
        query: Which events.
        place: Where a link to the rest leads.
    """
    match request.accept_mimetypes.best_match([JSON, NDJSON, SSE], default=JSON):
        case "text/event-stream":
            return await _live(app_state, source, query, place)
        case "application/x-ndjson":
            return await _stored(app_state, source, query, place, _Form(NDJSON, _lines))
        case _:
            return await _stored(app_state, source, query, place, _Form(JSON, _array))


def _lines(events: Sequence[Event]) -> Iterator[bytes]:
    for part in _parts(events):
        yield b"".join(event.data + b"\n" for event in part)


def _array(events: Sequence[Event]) -> Iterator[bytes]:
    separator = b"["
    for part in _parts(events):
        yield separator + b",".join(event.data for event in part)
        separator = b","
    yield b"]" if events else b"[]"


def _parts(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    for start in range(0, len(events), _WRITTEN_AT_ONCE):
        yield events[start : start + _WRITTEN_AT_ONCE]


@frozen
class _Form:
    """A form of a stored body: its media type, and what writes it."""

    media: str
    write: Callable[[Sequence[Event]], Iterator[bytes]]


async def _stored(
    app_state: AppState, source: Streamed, query: EventsSelection, place: LogPlace, form: _Form
) -> Response:
    subscription = await subscribe(app_state.holding, place.named, source, query.after, query.types)
    events: list[Event] = []
    while subscription.behind and len(events) < query.limit:
        events += await subscription.read_stored(query.limit - len(events))
    # One chunk is sent with its length; only longer bodies are streamed.
    few = len(events) <= _WRITTEN_AT_ONCE
    written = form.write(events)
    response = Response(b"".join(written) if few else _body(written), content_type=form.media)
    if not few:
        # The body is written twice, once only to measure it, so that a slow client never makes
        # the server hold more than one chunk of it. The events stay in the log either way.
        response.content_length = sum(map(len, form.write(events)))
    if subscription.behind:
        response.headers["Link"] = _rest(query, subscription.cursor, place)
    return response


async def _body(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _rest(query: EventsSelection, cursor: int, place: LogPlace) -> str:
    types = {} if query.types is None else {"types": ",".join(query.types)}
    parameters = urlencode(
        {"after": cursor, "limit": query.limit, **types, **place.query}, safe=","
    )
    return f'<{prefix(request.path)}{place.path}?{parameters}>; rel="next"'


async def _live(
    app_state: AppState, source: Streamed, query: EventsSelection, place: LogPlace
) -> Response:
    cursor, name = _cursor(query)
    try:
        subscription = await subscribe(app_state.holding, place.named, source, cursor, query.types)
    except CursorAheadError as error:
        raise CursorAheadError(error.after, error.newest, name) from None
    if subscription.ended:
        # A browser reconnects whenever a response ends; only 204 stops it.
        return Response(b"", 204)
    if app_state.streams.full:
        raise HttpError(503, "Too many streams are open; try again later")
    current_request().notes.is_stream = True
    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    return Response(_frames(app_state, source, subscription), 200, headers, content_type=SSE)


def _cursor(query: EventsSelection) -> tuple[int, str]:
    """Return the cursor and what it is called.

    A reconnecting browser's `Last-Event-ID` wins over its old URL.
    """
    last = request.headers.get("Last-Event-ID")
    if last is None:
        return query.after, "after"
    cursor = parse_text(last, int)
    if not isinstance(cursor, int) or cursor < 0:
        message = "Input should be a whole number greater than or equal to 0"
        problem = Problem("int_type", ("header", "Last-Event-ID"), message, last)
        raise InvalidRequestError([problem])
    return cursor, "Last-Event-ID"


async def _frames(
    app_state: AppState, source: Streamed, subscription: Subscription
) -> AsyncIterator[bytes]:
    # What outlives the server ends its stream without a terminal event: clients come back.
    with app_state.streams.counted(source), subscription, suppress(GatewayClosedError):
        yield PREAMBLE
        while not subscription.ended:
            events: Sequence[Event] = ()
            # Cancelling a read loses no event: the cursor moves only when events are returned.
            with trio.move_on_after(QUIET_S):
                events = await subscription.read(_READ_AT_ONCE)
            yield b"".join(map(_frame, events)) or COMMENT
            app_state.metrics.count_sent("sse", len(events))


def _frame(event: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.event_id, event.type.encode(), event.data)
