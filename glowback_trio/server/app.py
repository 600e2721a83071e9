"""The ASGI app: the routes on Quart, with the hooks for every request and response."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from quart import request
from quart.typing import ResponseTypes
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioRequest
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import Rule

from glowback_trio.actors import Gateway, random_id
from glowback_trio.model.instant import utc_now
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.request import RequestContext, current_request
from glowback_trio.server.http.responses import Response
from glowback_trio.server.http.route import PREFIXES
from glowback_trio.server.pipeline.checks import body_limit, error_response, identify, make_view
from glowback_trio.server.pipeline.headers import add_common_headers
from glowback_trio.server.routes.table import ROUTES
from glowback_trio.server.security.cors import is_listed, preflight_headers
from glowback_trio.server.security.hosts import ServedHosts
from glowback_trio.server.settings import Settings
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.streaming.handshake import serve_stream
from glowback_trio.server.streaming.websocket import AsgiWebSocket

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
    hosts: ServedHosts | None = None,
) -> AppState:
    """Make the state that the handlers of one app share; None: the hosts of the settings."""
    hosts = hosts or ServedHosts.of(settings.allowed_hosts, settings.api_keys)
    return AppState(gateway, settings, ROUTES, new_id or random_id, clock or utc_now, hosts)


def build_app(app_state: AppState) -> QuartTrio:
    """Build the Quart app of these routes."""
    app = _App(app_state)
    app.request_class = _request_class(app_state)
    # The server limits time, by whether bytes move. Quart's timeouts count the whole request, which
    # would cut long streams.
    app.config.update(
        MAX_CONTENT_LENGTH=app_state.settings.max_body_bytes,
        BODY_TIMEOUT=None,
        RESPONSE_TIMEOUT=None,
    )
    # Both would redirect, and a client that follows a redirect may drop its body or its key.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    _register(app, app_state)
    _hook(app, app_state)
    return app


class _App(QuartTrio):
    """Quart for HTTP requests; WebSockets bypass it.

    A stream needs nothing of Quart, and each of thousands would pay for its context.
    """

    def __init__(self, app_state: AppState) -> None:
        # Quart would add a route of its own for a static folder.
        super().__init__(__name__, static_folder=None, template_folder=None)
        self._app_state = app_state

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "websocket":
            await serve_stream(
                self._app_state, AsgiWebSocket(RequestContext.of(scope), receive, send)
            )
        else:
            await super().asgi_app(scope, receive, send)


def _request_class(app_state: AppState) -> type[TrioRequest]:
    """Return a class of requests whose bodies are counted up to the limit of their route."""
    paths = {
        prefix + route.path: body_limit(app_state.settings, route)
        for prefix in PREFIXES
        for route in app_state.routes
        if route.file is not None
    }

    class Request(TrioRequest):
        """A request, with the limit of its path."""

        def __init__(self, method: str, scheme: str, path: str, *args: Any, **more: Any) -> None:
            if path in paths:
                more["max_content_length"] = paths[path]
            super().__init__(method, scheme, path, *args, **more)

    return Request


def _register(app: QuartTrio, app_state: AppState) -> None:
    for prefix in PREFIXES:
        for route in app_state.routes:
            app.add_url_rule(
                _rule(prefix + route.path),
                # Quart takes what stands before a dot in an endpoint for the name of a blueprint.
                endpoint=f"{prefix}{route.method}{route.path}".replace(".", "-"),
                view_func=make_view(app_state, route),
                methods=[route.method],
                # OPTIONS is left to `_preflight`, which sees it as a method that is not allowed.
                provide_automatic_options=False,
            )


def _rule(path: str) -> str:
    """Return a path in the router's syntax."""
    return path.replace("{", "<").replace("}", ">")


def _hook(app: QuartTrio, app_state: AppState) -> None:
    """Add the hooks; they are async because Quart runs plain functions in threads."""

    async def before() -> Response | None:
        # Before the preflight, because an error response needs the id.
        identify(app_state, current_request(), _template(request.url_rule))
        return _preflight(app_state)

    async def after(response: ResponseTypes) -> ResponseTypes:
        add_common_headers(app_state, current_request(), response.headers)
        if request.method == "HEAD" and isinstance(response, Response):
            _empty(response)
        return response

    async def respond_to_error(error: Exception) -> Response:
        return error_response(error, current_request())

    app.before_request(before)
    app.after_request(after)
    app.register_error_handler(Exception, respond_to_error)


def _template(rule: Rule | None) -> str | None:
    """Return the route's path in the syntax of our table."""
    return None if rule is None else rule.rule.replace("<", "{").replace(">", "}")


def _preflight(app_state: AppState) -> Response | None:
    """Answer a CORS preflight; None for any other request."""
    allowed = app_state.settings.cors_origins
    error = request.routing_exception
    if request.method != "OPTIONS" or not allowed or not isinstance(error, MethodNotAllowed):
        return None
    if not is_listed(request.headers.get("Origin", ""), allowed):
        raise HttpError(403, "This origin may not use this server")
    return Response(b"", 204, preflight_headers(error.valid_methods or ()))


def _empty(response: Response) -> None:
    """Keep only the head of a response; the body of a stream is never started."""
    # Setting the body resets the length, and HEAD states the length that GET would have.
    length = response.headers.get("Content-Length")
    response.response = response.data_body_class(b"")
    if length is not None:
        response.headers["Content-Length"] = length
