"""The checks between a request and its handler, in their order, and the log of faults.

Those that need only the head are called by the guard, before Quart sees a request: see `guard`. The
rest runs in Quart's task: the query, then the body: its encoding (415), its size while it is read
(413), its syntax and its fields (422). A client without a key never makes the server hold a body.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import trio
from attrs import fields
from quart import request
from werkzeug.exceptions import RequestEntityTooLarge

from glowback_trio.border import leaves
from glowback_trio.errors import InvalidRequestError, Problem, ResourceError
from glowback_trio.server.http.body import check_encoding, read_document, try_document
from glowback_trio.server.http.errors import HttpError, http_error, too_large
from glowback_trio.server.http.parameters import check_names, located, read_query
from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.http.route import Route
from glowback_trio.server.http.router import Match
from glowback_trio.server.pipeline.auth import admit, admit_peer, count_request
from glowback_trio.server.pipeline.forwarding import answer_elsewhere
from glowback_trio.server.pipeline.headers import choose_request_id, client_scheme
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.security.cors import check_origin
from glowback_trio.server.security.peer_identity import CLIENT
from glowback_trio.server.security.rate_limit import caller_of
from glowback_trio.server.settings import Settings
from glowback_trio.server.state.app_state import AppState

__all__ = [
    "body_limit",
    "check",
    "check_cross_origin",
    "error_response",
    "identify",
    "logging_faults",
    "serve_match",
]

_log = logging.getLogger(__name__)

# Bytes of JSON that are decoded in the event loop; more takes too long there.
_READ_AT_ONCE = 1 << 14


def identify(app_state: AppState, context: RequestContext, route: str | None) -> None:
    """Note the request's id, client and route; check its host, and its token if it has a peer's.

    Raises:
        HttpError: 400: the `Host` is not one that this server serves. 401, 429: see `admit_peer`.
    """
    notes = context.notes
    notes.request_id = choose_request_id(context.headers.get("X-Request-ID"), app_state.new_id)
    hops, peer = context.headers.getlist("X-Forwarded-For"), context.peer
    notes.client = app_state.access.proxies.client_address(peer, hops)
    notes.route = route
    # Last, because the error response needs the id and the log needs the client.
    app_state.access.hosts.check(context.headers.get("Host", ""), internet=peer is not None)
    notes.from_peer = admit_peer(app_state.access, context)
    if notes.from_peer:
        notes.client = context.headers.get(CLIENT) or notes.client


def check(app_state: AppState, context: RequestContext, route: Route) -> None:
    """Check key, rate and origin of a request for this route.

    Raises:
        HttpError: 401, 403, 429.
    """
    key = presented_key(context.headers)
    caller = (
        admit(app_state.access, context, key)
        if route.needs_key
        else caller_of(None, context.client)
    )
    # After the key, because a caller with a key has a rate of its own.
    if route.rate_limited:
        count_request(app_state.access, context, caller)
    if route.changes_state:
        check_cross_origin(app_state, context)
    if route.switch is not None:
        check_switch(app_state.settings, route.switch)


def error_response(error: Exception, context: RequestContext) -> Response:
    """Return the response that reports an error."""
    failure = http_error(error)
    document = failure.document(context.path, context.request_id)
    return json_response(document, failure.status, failure.headers)


async def serve_match(app_state: AppState, match: Match) -> Response:
    """Serve the request that Quart is handling by its route, once it has passed the guard."""
    with logging_faults():
        route, limit = match.route, body_limit(app_state.settings, match.route)
        # Before anything else is read, so that all is checked where it is answered.
        if (answer := await answer_elsewhere(app_state, match, limit)) is not None:
            return answer
        arguments: dict[str, Any] = dict(match.arguments)
        if route.query is not None:
            arguments["query"] = read_query(request.args, route.query)
        elif route.checks_query:
            check_names(request.args, ())
        if route.body is not None:
            arguments["document"] = await _read_document(app_state, route, limit)
        if route.files:
            arguments["file"] = await _read_body(route, limit)
        # Afterwards it is in memory, so that handlers find it without waiting.
        await app_state.load_named(match.arguments)
        response = route.handler(app_state, **arguments)
        return response if isinstance(response, Response) else await response


def body_limit(settings: Settings, route: Route) -> int:
    """Return how many bytes the body of a request for this route may have."""
    limit: int = getattr(settings, route.limit)
    return limit


def check_switch(settings: Settings, name: str) -> None:
    """Refuse a request for what the server is told not to do, before its body is read.

    Raises:
        HttpError: 403: the setting is off.
    """
    if not getattr(settings, name):
        metadata = getattr(fields(Settings), name).metadata
        flag, variable = metadata["flag"], metadata["env"]
        raise HttpError(403, f"This is switched off: serve with {flag}, or set {variable}=true")


def check_cross_origin(app_state: AppState, context: RequestContext) -> None:
    """Refuse a request from a page of another origin, on a server without keys.

    With keys a page of another origin gets nowhere, because browsers add none by themselves.

    Raises:
        HttpError: 403.
    """
    if not app_state.access.api_keys:
        origin, host = context.headers.get("Origin"), context.headers.get("Host", "")
        scheme = client_scheme(app_state, context)
        check_origin(origin, f"{scheme}://{host}", app_state.settings.cors_origins)


async def _read_body(route: Route, limit: int) -> bytes:
    check_encoding(request.headers)
    # Quart counts what arrives, up to this limit.
    try:
        data = bytes(await request.body)
    except RequestEntityTooLarge:
        raise too_large(limit, route.limit) from None
    if not data:
        raise InvalidRequestError([Problem("missing", ("body",), "Field required")])
    return data


async def _read_document(app_state: AppState, route: Route, limit: int) -> Any:
    data = await _read_body(route, limit)
    if not request.is_json:
        message = "Send the body with Content-Type: application/json"
        given = request.headers.get("Content-Type")
        raise InvalidRequestError([Problem("model_attributes_type", ("body",), message, given)])
    with located("body"):
        if len(data) <= _READ_AT_ONCE:
            return read_document(data, route.most_values)
        document, problems = await trio.to_thread.run_sync(
            try_document, data, route.most_values, limiter=app_state.readers
        )
        if problems:
            raise InvalidRequestError(problems)
    return document


class _FaultLog:
    """What `logging_faults` returns; it keeps nothing, so all share one."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, _kind: object, raised: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Log what was raised; it is raised on."""
        for leaf in () if raised is None else leaves(raised):
            if isinstance(leaf, trio.Cancelled):
                continue
            # Every other status is the client's doing and stands in the access log.
            if (short_of := ResourceError.of(leaf)) is not None:
                _log.warning("A request was refused: out of %s", short_of.resource)
            elif http_error(leaf).status == 500:
                _log.error("A handler failed", exc_info=leaf)


_FAULT_LOG = _FaultLog()


def logging_faults() -> AbstractContextManager[None]:
    """Log unexpected errors as soon as they are raised, and in a line what the process is out of.

    Not later, because quart-trio drops errors: of a group it handles the first that has a handler,
    and a group that holds a cancellation it drops entirely.
    """
    return _FAULT_LOG
