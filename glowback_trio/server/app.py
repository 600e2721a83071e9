"""The app: the registry's routes on Quart, and what every request and response goes through."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from quart import has_request_context, request, websocket
from quart.typing import ResponseTypes
from quart_trio import QuartTrio
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import Rule

from glowback_trio.actors import Gateway
from glowback_trio.server.answers import Response
from glowback_trio.server.current import asked
from glowback_trio.server.door import error_answer, greet, stream_view, view
from glowback_trio.server.failures import HttpError
from glowback_trio.server.headers import complete
from glowback_trio.server.origins import is_listed, preflight_headers
from glowback_trio.server.registry import ROUTES, STREAM_PATH
from glowback_trio.server.route import PREFIXES
from glowback_trio.server.settings import Settings
from glowback_trio.server.site import Site

__all__ = ["build_app", "create_app", "open_site"]

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
        gateway: An open gateway; the app ends nothing of it.
        settings: Keys, limits and origins.
        new_id: Makes request ids for clients that bring none; None: random UUIDs.
        clock: Gives the time, with its zone, at which tickets end; None: UTC now.
    """
    return build_app(open_site(gateway, settings, new_id, clock))


def open_site(
    gateway: Gateway,
    settings: Settings,
    new_id: Callable[[], str] | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Site:
    """Make what the handlers of one app share."""
    return Site(gateway, settings, ROUTES, new_id or _random_id, clock or _utc_now)


def _random_id() -> str:
    return str(uuid.uuid4())


def _utc_now() -> datetime:
    return datetime.now(UTC)


def build_app(site: Site) -> QuartTrio:
    """Put the registry on Quart."""
    app = QuartTrio(__name__, static_folder=None, template_folder=None)
    # Limits on time are the server's: it looks at whether bytes move, these at the whole.
    app.config.update(
        MAX_CONTENT_LENGTH=site.settings.max_body_bytes, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None
    )
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    _register(app, site)
    _hook(app, site)
    return app


def _register(app: QuartTrio, site: Site) -> None:
    for prefix in PREFIXES:
        for route in site.routes:
            app.add_url_rule(
                _rule(prefix + route.path),
                endpoint=f"{prefix}{route.method}{route.path}".replace(".", "-"),
                view_func=view(site, route),
                methods=[route.method],
                provide_automatic_options=False,
            )
        path = prefix + STREAM_PATH
        app.add_websocket(
            _rule(path),
            endpoint=f"{path}:stream",
            view_func=stream_view(site),
            provide_automatic_options=False,
        )


def _rule(path: str) -> str:
    """A path as the router writes it."""
    return path.replace("{", "<").replace("}", ">")


def _hook(app: QuartTrio, site: Site) -> None:
    """Hooks are async because Quart would call others in threads."""

    async def before() -> Response | None:
        greet(site, asked(), _template(request.url_rule))
        return _preflight(site)

    async def before_stream() -> None:
        greet(site, asked(), _template(websocket.url_rule))
        if websocket.routing_exception is not None:
            raise HttpError(404, "Not Found")  # whatever methods the path has, none is a stream

    async def after(response: ResponseTypes) -> ResponseTypes:
        complete(site, asked(), response.headers)
        if has_request_context() and request.method == "HEAD" and isinstance(response, Response):
            _empty(response)
        return response

    async def after_refusal(response: ResponseTypes | None) -> ResponseTypes | None:
        return None if response is None else await after(response)

    async def answer_error(error: Exception) -> Response:
        return error_answer(error, asked())

    app.before_request(before)
    app.before_websocket(before_stream)
    app.after_request(after)
    app.after_websocket(after_refusal)
    app.register_error_handler(Exception, answer_error)


def _template(rule: Rule | None) -> str | None:
    """The route's path as the registry writes it."""
    return None if rule is None else rule.rule.replace("<", "{").replace(">", "}")


def _preflight(site: Site) -> Response | None:
    """Answer a browser that asks whether it may ask."""
    allowed = site.settings.cors_origins
    error = request.routing_exception
    if request.method != "OPTIONS" or not allowed or not isinstance(error, MethodNotAllowed):
        return None
    if not is_listed(request.headers.get("Origin", ""), allowed):
        raise HttpError(403, "Pages of this origin may not use this server")
    return Response(b"", 204, preflight_headers(error.valid_methods or ()))


def _empty(response: Response) -> None:
    """Keep the head of an answer only; a body that is streamed is never begun."""
    length = response.headers.get("Content-Length")
    response.response = response.data_body_class(b"")
    if length is not None:
        response.headers["Content-Length"] = length
