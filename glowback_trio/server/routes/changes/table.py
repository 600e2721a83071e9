"""The routes of changes, as part of the table of all routes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from glowback_trio.server.http.route import ResponseSpec, Route
from glowback_trio.server.openapi.event_documents import ChangeDocument
from glowback_trio.server.routes.changes import events
from glowback_trio.server.routes.events import NDJSON, SSE
from glowback_trio.server.streaming.change_stream import (
    CHANGES,
    ChangeStreamQuery,
    explain_change_stream,
)

__all__ = ["CHANGE_ROUTES"]

_route = partial(Route, method="GET", tag="events")
_LAST = "Server-sent events: the last id received; overrides `after` and `epoch`."

CHANGE_ROUTES: Sequence[Route] = (
    _route(
        path=CHANGES.path,
        handler=explain_change_stream,
        query=ChangeStreamQuery,
        errors={426: "This path serves WebSocket only."},
    ),
    _route(
        path="/changes/events",
        handler=events.changes,
        query=events.ChangesQuery,
        headers={"Last-Event-ID": _LAST},
        responses={200: ResponseSpec("Changes.", list[ChangeDocument], (NDJSON, SSE))},
        errors={503: "Server-sent events: too many streams are open."},
    ),
)
