"""The fast path: routes that respond without waiting, and refusals, bypass Quart.

Liveness and the status of a run are polled far more often than anything else is requested, and
Quart takes several times as long to carry such a request as its handler takes to respond. Errors
and headers come from the functions that Quart's hooks call, so both ways give the same bytes; a
test compares them.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.http.responses import Response
from glowback_trio.server.http.router import Match
from glowback_trio.server.pipeline.checks import error_response, logging_faults
from glowback_trio.server.pipeline.guard import Guard
from glowback_trio.server.pipeline.headers import immediate_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.serving import ImmediateResponse

__all__ = ["FastPath"]


@frozen(eq=False)
class FastPath:
    """Responds to what the guard refuses, and to the routes whose handlers do not wait."""

    app_state: AppState
    _guard: Guard

    @classmethod
    def of(cls, app_state: AppState) -> FastPath:
        """Return the fast path of an app."""
        return cls(app_state, Guard(app_state))

    def __call__(self, scope: dict[str, Any]) -> ImmediateResponse | None:
        """Respond to a request; None for one that Quart has to handle."""
        context = RequestContext.of(scope)
        refusal = self._guard.respond(context)
        if refusal is not None:
            return refusal
        match = context.match
        return self._respond(context, match) if match and self._is_fast(context, match) else None

    def _is_fast(self, context: RequestContext, match: Match) -> bool:
        # HEAD is left to Quart's hooks, which know how to drop a body; queries are parsed by Quart.
        by_quart = match.route.checks_query and context.scope.get("query_string")
        if context.method != "GET" or not match.route.immediate or by_quart:
            return False
        return self.app_state.holds(match.arguments)  # else it has to be loaded

    def _respond(self, context: RequestContext, match: Match) -> ImmediateResponse:
        try:
            with logging_faults():
                response = match.route.handler(self.app_state, **match.arguments)
        except Exception as error:  # noqa: BLE001 - every error has its response
            response = error_response(error, context)
        # `Route.immediate` excludes coroutine functions.
        assert isinstance(response, Response)
        return immediate_response(self.app_state, context, response)
