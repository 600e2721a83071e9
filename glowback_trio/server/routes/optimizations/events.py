"""The events of an optimization's attempts over plain HTTP."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen

from glowback_trio.model.bounds import Checked, Ge, Le
from glowback_trio.model.stream_protocol import Cursor, OptimizationEventTypes
from glowback_trio.server.http.responses import Response
from glowback_trio.server.routes.events import LogPlace, events_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.streaming.optimization_stream import AttemptNumber
from glowback_trio.store.cluster import Named

__all__ = ["OptimizationEventsQuery", "optimization_events"]


@frozen(kw_only=True)
class OptimizationEventsQuery(Checked):
    """Which events to return.

    Attributes:
        attempt: The attempt whose events to return; the newest if it is left out.
        after: Only events with higher ids.
        limit: The greatest number of events; server-sent events go on to the end of the attempt.
        types: Only events of these types, and the terminal event; a comma-separated list.
    """

    attempt: AttemptNumber | None = None
    after: Cursor = 0
    limit: Annotated[int, Ge(1), Le(10_000)] = 1000
    types: OptimizationEventTypes | None = None


async def optimization_events(
    app_state: AppState, optimization_id: str, query: OptimizationEventsQuery
) -> Response:
    """Return an attempt's events after a cursor, in the format that `Accept` names.

    All is as for the events of runs. `Link` names the attempt, so that it leads through one log.
    """
    attempt = app_state.gateway.optimization(optimization_id).attempt(query.attempt)
    named: Named = ("optimization", optimization_id)
    path, query_of_log = f"/optimizations/{optimization_id}/events", {"attempt": attempt.number}
    place = LogPlace(path, named, query_of_log)
    return await events_response(app_state, attempt, query, place)
