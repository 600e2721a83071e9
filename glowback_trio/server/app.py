"""The ASGI app: the guard, and behind it Quart, with the hooks for every response."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from quart import request
from quart.ctx import RequestContext as QuartContext
from quart.typing import ResponseReturnValue, ResponseTypes
from quart.wrappers import BaseRequestWebsocket
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioRequest, TrioResponse
from werkzeug.routing import MapAdapter

from glowback_trio.actors import Gateway
from glowback_trio.model.instant import utc_now
from glowback_trio.server.http.forwarding import Forwarder
from glowback_trio.server.http.request import RequestContext, current_request, match_of
from glowback_trio.server.http.responses import for_quart
from glowback_trio.server.pipeline.checks import body_limit, error_response, serve_match
from glowback_trio.server.pipeline.guard import Guard
from glowback_trio.server.pipeline.headers import add_common_headers
from glowback_trio.server.routes.table import ROUTES
from glowback_trio.server.security.hosts import ServedHosts
from glowback_trio.server.settings import Settings
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.request_ids import RequestIds
from glowback_trio.server.streaming.handshake import serve_stream
from glowback_trio.server.streaming.websocket import AsgiWebSocket
from glowback_trio.serving import ImmediateResponse

__all__ = ["build_app", "create_app", "make_app_state"]

_DEFAULTS = Settings()


def create_app(
    gateway: Gateway,
    settings: Settings = _DEFAULTS,
    *,
    new_id: Callable[[], str] | None = None,
    clock: Callable[[], datetime] | None = None,
) -> QuartTrio:
    """Make the ASGI app of a gateway.

    Args:
        gateway: An open gateway; the app does not close it.
        settings: Keys, limits and origins.
        new_id: Makes ids for requests without one; None: random UUIDs.
        clock: Returns the time, with its zone, that tickets expire by; None: UTC now.
    """
    return build_app(make_app_state(gateway, settings, new_id, clock))


def make_app_state(
    gateway: Gateway,
    settings: Settings,
    new_id: Callable[[], str] | None = None,
    clock: Callable[[], datetime] | None = None,
    *,
    hosts: ServedHosts | None = None,
    forwarder: Forwarder | None = None,
) -> AppState:
    """Make the state that the handlers of one app share; None: the hosts of the settings."""
    hosts = hosts or ServedHosts.of(settings.allowed_hosts, settings.api_keys)
    return AppState(
        gateway,
        settings,
        ROUTES,
        new_id or RequestIds(),
        clock or utc_now,
        hosts,
        forwarder=forwarder,
    )


def build_app(app_state: AppState) -> QuartTrio:
    """Build the Quart app of these routes, with the guard before it."""
    app = _App(app_state)
    # The server limits time, by whether bytes move. Quart's timeouts count the whole request, which
    # would cut long streams.
    app.config.update(BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)
    app.request_class = _request_class(app_state)
    _hook(app, app_state)
    return app


class _App(QuartTrio):
    """Quart for the HTTP requests that the guard lets pass; WebSockets bypass it.

    A stream needs nothing of Quart, and each of thousands would pay for its context.
    """

    def __init__(self, app_state: AppState) -> None:
        # Quart would add a route of its own for a static folder.
        super().__init__(__name__, static_folder=None, template_folder=None)
        self._app_state = app_state
        self._guard = Guard(app_state)

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "websocket":
            context = RequestContext.of(scope)
            await serve_stream(self._app_state, AsgiWebSocket(context, receive, send))
        elif scope["type"] == "http" and (refusal := self._refuse(RequestContext.of(scope))):
            await _send(send, refusal, head=scope["method"] == "HEAD")
        else:
            await super().asgi_app(scope, receive, send)

    def _refuse(self, context: RequestContext) -> ImmediateResponse | None:
        return self._guard.respond(context, other_paths=self._has_other_paths())

    def _has_other_paths(self) -> bool:
        """Return True if a program that embeds the app has added routes of its own."""
        return any(True for _ in self.url_map.iter_rules())

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """Return Quart's router, for requests that the guard has not routed."""
        routed = request is not None and match_of(request.scope) is not None
        return None if routed else super().create_url_adapter(request)

    async def dispatch_request(
        self, request_context: QuartContext | None = None
    ) -> ResponseReturnValue:
        """Serve a request by the route that the guard has found."""
        match = current_request().match
        if match is None:
            return await super().dispatch_request(request_context)
        return for_quart(await serve_match(self._app_state, match))


async def _send(send: Any, response: ImmediateResponse, *, head: bool) -> None:
    """Send a whole response, without its body in response to HEAD."""
    start = {"status": response.status, "headers": response.all_headers}
    await send({"type": "http.response.start", **start})
    body = b"" if head else response.body
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _request_class(app_state: AppState) -> type[TrioRequest]:
    """Return a class of requests whose bodies are counted up to the limit of their route."""

    class Request(TrioRequest):
        """A request, with the limit of its route."""

        def __init__(self, *args: Any, **more: Any) -> None:
            match, settings = match_of(more["scope"]), app_state.settings
            limit = settings.max_body_bytes if match is None else body_limit(settings, match.route)
            super().__init__(*args, **more | {"max_content_length": limit})

    return Request


def _hook(app: QuartTrio, app_state: AppState) -> None:
    """Add the hooks; they are async because Quart runs plain functions in threads."""

    async def after(response: ResponseTypes) -> ResponseTypes:
        add_common_headers(app_state, current_request(), response.headers)
        if request.method == "HEAD" and isinstance(response, TrioResponse):
            _empty(response)
        return response

    async def respond_to_error(error: Exception) -> TrioResponse:
        return for_quart(error_response(error, current_request()))

    app.after_request(after)
    app.register_error_handler(Exception, respond_to_error)


def _empty(response: TrioResponse) -> None:
    """Keep only the head of a response; the body of a stream is never started."""
    # Setting the body resets the length, and HEAD states the length that GET would have.
    length = response.headers.get("Content-Length")
    response.response = response.data_body_class(b"")
    if length is not None:
        response.headers["Content-Length"] = length
