"""The fast path: routes that respond without waiting bypass Quart.

Liveness and the status of a run are polled far more often than anything else is requested, and
Quart takes several times as long to carry such a request as its handler takes to respond. Checks,
errors and headers come from the functions that Quart's hooks call, so both ways give the same
bytes; a test compares them.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import define, field
from quart.wrappers.response import DataBody

from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.http.responses import Response, encode_headers
from glowback_trio.server.http.route import PREFIXES, Route
from glowback_trio.server.pipeline.checks import check, error_response, identify, logging_faults
from glowback_trio.server.pipeline.headers import add_common_headers
from glowback_trio.server.state.app_state import AppState
from glowback_trio.serving import ImmediateResponse

__all__ = ["FastPath", "serialize"]


@define(eq=False)
class FastPath:
    """Responds to the routes whose handlers do not wait."""

    app_state: AppState
    _routes: list[tuple[re.Pattern[str], str, Route]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._routes = [
            (_pattern(prefix + route.path), prefix + route.path, route)
            for prefix in PREFIXES
            for route in self.app_state.routes
            if route.immediate
        ]

    def __call__(self, scope: dict[str, Any]) -> ImmediateResponse | None:
        """Respond to a request; None for one that Quart has to handle."""
        # HEAD is left to Quart's hooks, which know how to drop a body.
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        for pattern, template, route in self._routes:
            # Queries are parsed by Quart.
            by_quart = route.checks_query and scope.get("query_string")
            if not by_quart and (match := pattern.fullmatch(scope["path"])):
                path = match.groupdict()
                if "run_id" in path and not self.app_state.gateway.holds(path["run_id"]):
                    return None  # it has to be loaded
                return self._respond(RequestContext.of(scope), template, route, path)
        return None

    def _respond(
        self, context: RequestContext, template: str, route: Route, path: dict[str, str]
    ) -> ImmediateResponse:
        try:
            identify(self.app_state, context, template)
            with logging_faults():
                check(self.app_state, context, route)
                response = route.handler(self.app_state, **path)
        except Exception as error:  # noqa: BLE001 - every error has its response
            response = error_response(error, context)
        # `Route.immediate` excludes coroutine functions.
        assert isinstance(response, Response)
        return serialize(self.app_state, context, response)


def serialize(
    app_state: AppState, context: RequestContext, response: Response
) -> ImmediateResponse:
    """Return a response as bytes, with the headers of every response."""
    # No handler of the fast path streams, and errors are documents.
    assert isinstance(response.response, DataBody)
    headers = dict(response.headers)
    add_common_headers(app_state, context, headers)
    return ImmediateResponse(response.status_code, encode_headers(headers), response.response.data)


def _pattern(path: str) -> re.Pattern[str]:
    """Return a pattern for the paths of a route, with a named group for each parameter.

    A parameter is letters, digits and dashes, like a run id. Any other path goes to Quart's router.
    """
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9-]+)", path))
