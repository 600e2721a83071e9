"""Stream tickets over HTTP."""

from __future__ import annotations

from datetime import timedelta

from glowback_trio.model.instant import stamp
from glowback_trio.server.http.request import current_request
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.state.app_state import AppState

__all__ = ["create_stream_ticket"]


async def create_stream_ticket(app_state: AppState) -> Response:
    """Return a ticket that opens one WebSocket within 30 seconds.

    For pages in browsers: a page cannot set a header on a WebSocket, and a key in its URL could be
    read by others. Offer the subprotocols `glowback.v1` and `ticket.<ticket>`; the server selects
    the first.
    """
    caller = current_request().notes.caller
    assert caller is not None  # every route that is rate limited has one
    ticket = await app_state.access.tickets.issue(caller)
    expires_at = app_state.clock() + timedelta(seconds=ticket.expires_in_s)
    return json_response({"ticket": ticket.value, "expires_at": stamp(expires_at)}, 201)
