"""The guard: the checks that a request passes before the framework sees it.

Host (400), path (404), method (405), declared size (413), key (401), rate (429), origin (403). The
guard needs nothing but the head of a request, so no body is read for a refusal. WebSockets never
reach the framework: the same checks stand in `streaming.handshake`.
"""

from __future__ import annotations

from attrs import define, field
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.sansio.utils import get_content_length

from glowback_trio.server.http.errors import HttpError, too_large, unknown_path
from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.http.responses import Response
from glowback_trio.server.http.router import FoundPath, Match, Router
from glowback_trio.server.pipeline.checks import (
    body_limit,
    check,
    error_response,
    identify,
    logging_faults,
)
from glowback_trio.server.pipeline.headers import immediate_response
from glowback_trio.server.security.cors import is_listed, preflight_headers
from glowback_trio.server.state.app_state import AppState
from glowback_trio.serving import ImmediateResponse

__all__ = ["Guard"]


@define(eq=False)
class Guard:
    """Checks requests, and responds to those that go no further."""

    app_state: AppState
    _router: Router = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._router = Router.of(self.app_state.routes)

    def respond(
        self, context: RequestContext, *, other_paths: bool = False
    ) -> ImmediateResponse | None:
        """Respond to a request that goes no further; None for one that has passed, with its match.

        A request that has passed is not checked again, since each check counts against its rate.

        Args:
            context: The request.
            other_paths: True if the framework has paths of its own: then one that is not in the
                table passes without a match, once its host is checked.
        """
        if context.match is not None:
            return None
        try:
            with logging_faults():
                response = self._check(context, other_paths=other_paths)
        except Exception as error:  # noqa: BLE001 - every error has its response
            response = error_response(error, context)
        return None if response is None else immediate_response(self.app_state, context, response)

    def _check(self, context: RequestContext, *, other_paths: bool) -> Response | None:
        found, match = self._router.find_match(context.path, context.method)
        identify(self.app_state, context, found.template if found and match else None)
        if match is not None:
            self._check_match(context, match)
            context.note_match(match)
            return None
        if found is not None:
            return self._preflight(context, found)
        if other_paths:
            return None
        raise unknown_path()

    def _check_match(self, context: RequestContext, match: Match) -> None:
        limit = body_limit(self.app_state.settings, match.route)
        if declared_length(context) > limit:
            raise too_large(limit, match.route.limit)
        check(self.app_state, context, match.route)

    def _preflight(self, context: RequestContext, found: FoundPath) -> Response:
        """Respond to a CORS preflight; any other request has a method that its path lacks."""
        allowed = self.app_state.settings.cors_origins
        if context.method != "OPTIONS" or not allowed:
            raise MethodNotAllowed(list(found.routes))
        if not is_listed(context.headers.get("Origin", ""), allowed):
            raise HttpError(403, "This origin may not use this server")
        return Response(b"", 204, preflight_headers(found.routes))


def declared_length(context: RequestContext) -> int:
    """Return the bytes that a request declares to send; 0 if it declares nothing."""
    length = context.headers.get("Content-Length")
    if length is None:
        return 0
    return get_content_length(length, context.headers.get("Transfer-Encoding")) or 0
