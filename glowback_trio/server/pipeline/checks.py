"""What stands between a request and its handler: the checks, in their order, and the guard.

Declared size (413), key (401), rate (429), origin (403), path and query, then the body with a
running size limit (413), its syntax and its fields (422). A client that has no key never makes the
server hold its body.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio
from quart import request
from werkzeug.exceptions import RequestEntityTooLarge

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.server.http.body import check_size
from glowback_trio.server.http.errors import http_error
from glowback_trio.server.http.parameters import located, read_query
from glowback_trio.server.http.request import RequestContext, current_request
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.http.route import Route
from glowback_trio.server.pipeline.auth import admit, count_request
from glowback_trio.server.pipeline.headers import request_id
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.security.cors import check_origin
from glowback_trio.server.security.hosts import check_host
from glowback_trio.server.security.rate_limit import caller_of
from glowback_trio.server.state.app_state import AppState
from glowback_trio.serving import leaves
from glowback_trio.wire.json_text import parse_json

__all__ = [
    "check",
    "check_cross_origin",
    "error_response",
    "identify",
    "logging_faults",
    "make_view",
]

_log = logging.getLogger(__name__)


def identify(app_state: AppState, context: RequestContext, route: str | None) -> None:
    """Find out a request's id, which is the client's own if that is harmless, and its client.

    Raises:
        HttpError: 400: it means another server.
    """
    notes = context.notes
    notes.request_id = request_id(context.headers.get("X-Request-ID"), app_state.new_id)
    hops = context.headers.getlist("X-Forwarded-For")
    notes.client = app_state.access.proxies.client_address(context.peer, hops)
    notes.route = route
    check_host(context.headers.get("Host", ""), app_state.settings.allowed_hosts)


def check(app_state: AppState, context: RequestContext, route: Route) -> None:
    """Find out whether a caller may ask this, and this often.

    Raises:
        HttpError: 401, 403, 429.
    """
    key = presented_key(context.headers)
    caller = (
        admit(app_state.access, context, key)
        if route.needs_key
        else caller_of(None, context.client)
    )
    if route.rate_limited:
        count_request(app_state.access, context, caller)
    if route.changes_state:
        check_cross_origin(app_state, context)


def error_response(error: Exception, context: RequestContext) -> Response:
    """Tell a client what went wrong."""
    failure = http_error(error)
    document = failure.document(context.path, context.request_id)
    return json_response(document, failure.status, failure.headers)


def make_view(app_state: AppState, route: Route) -> Callable[..., Awaitable[Response]]:
    """The view that Quart calls for a route."""

    async def checked(**path: str) -> Response:
        with logging_faults():
            _check_size(app_state)
            check(app_state, current_request(), route)
            arguments: dict[str, Any] = dict(path)
            if route.query is not None:
                arguments["query"] = read_query(request.args, route.query)
            if route.body is not None:
                arguments["document"] = await _read_document()
            answer = route.handler(app_state, **arguments)
            return answer if isinstance(answer, Response) else await answer

    return checked


def _check_size(app_state: AppState) -> None:
    if (request.content_length or 0) > app_state.settings.max_body_bytes:
        raise RequestEntityTooLarge


def check_cross_origin(app_state: AppState, context: RequestContext) -> None:
    """Where no key is asked for, refuse what a page of another host asks.

    Raises:
        HttpError: 403.
    """
    if not app_state.access.api_keys:
        check_origin(context.headers, app_state.settings.cors_origins)


async def _read_document() -> Any:
    data = bytes(await request.body)
    if not data:
        raise InvalidRequestError([Problem("missing", ("body",), "Field required")])
    if not request.is_json:
        message = "Send the body with Content-Type: application/json"
        given = request.headers.get("Content-Type")
        raise InvalidRequestError([Problem("model_attributes_type", ("body",), message, given)])
    with located("body"):
        document = parse_json(data)
        check_size(document)
    return document


@contextmanager
def logging_faults() -> Iterator[None]:
    """Log what nobody meant to raise, at once.

    Quart-trio answers the first error of a group that it has a handler for and drops the others;
    those that come together with a cancellation are dropped whole.
    """
    try:
        yield
    except BaseException as error:
        for leaf in leaves(error):
            if not isinstance(leaf, trio.Cancelled) and http_error(leaf).status == 500:
                _log.error("A handler failed", exc_info=leaf)
        raise
