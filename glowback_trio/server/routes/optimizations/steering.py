"""List optimizations, read their status, and cancel, pause, resume and delete them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import trio
from attrs import frozen
from quart import request

from glowback_trio.actors import Optimization
from glowback_trio.errors import InvalidRequestError, Problem, UnknownRunError
from glowback_trio.model.bounds import Checked, Ge, Le
from glowback_trio.model.optimization.errors import OptimizationConflictError
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.http.route import prefix
from glowback_trio.server.state.app_state import AppState
from glowback_trio.wire.optimizations.requests import optimization_document
from glowback_trio.wire.optimizations.statuses import optimization_status_document

__all__ = [
    "OptimizationListQuery",
    "cancel_optimization",
    "delete_optimization",
    "list_optimizations",
    "optimization_request",
    "optimization_status",
    "pause_optimization",
    "resume_optimization",
]

# Seconds that a response waits for what it has asked for. It takes some milliseconds, unless the
# slots are held by others.
_SOON_S = 1.0


@frozen(kw_only=True)
class OptimizationListQuery(Checked):
    """Which optimizations to list.

    Attributes:
        limit: The greatest number of optimizations to return.
        before: Only optimizations older than the one with this id.
    """

    limit: Annotated[int, Ge(1), Le(200)] = 50
    before: str | None = None


async def list_optimizations(app_state: AppState, query: OptimizationListQuery) -> Response:
    """List optimizations, newest first.

    A `Link` header with `rel="next"` points to the next page, if there is one.
    """
    try:
        # One more, to see whether there is a next page.
        found = await app_state.gateway.optimization_statuses(
            before=query.before, limit=query.limit + 1
        )
    except UnknownRunError:
        message = "Input should be a known optimization_id"
        problem = Problem("not_found", ("query", "before"), message, query.before)
        raise InvalidRequestError([problem]) from None
    page = found[: query.limit]
    headers = {}
    if len(found) > len(page):
        more = urlencode({"limit": query.limit, "before": page[-1].optimization_id})
        headers["Link"] = f'<{prefix(request.path)}/optimizations?{more}>; rel="next"'
    return json_response([optimization_status_document(each) for each in page], headers=headers)


def optimization_status(app_state: AppState, optimization_id: str) -> Response:
    """Return the status of an optimization."""
    return _status(app_state.gateway.optimization(optimization_id))


def _status(optimization: Optimization) -> Response:
    return json_response(optimization_status_document(optimization.status))


def optimization_request(app_state: AppState, optimization_id: str) -> Response:
    """Return the request of an optimization, as it may be submitted again."""
    return json_response(
        optimization_document(app_state.gateway.optimization(optimization_id).request)
    )


async def cancel_optimization(app_state: AppState, optimization_id: str) -> Response:
    """Cancel an optimization; its finished trials are kept.

    The response is sent when it has ended. Nothing changes if it was cancelled already; one that
    has completed or failed is 409.
    """
    optimization = app_state.gateway.optimization(optimization_id)
    state = optimization.status.state
    if state in (OptimizationState.COMPLETED, OptimizationState.FAILED):
        raise OptimizationConflictError(
            f"Cannot cancel — optimization not found or already finished: it has {state}"
        )
    optimization.cancel("cancelled by a client")
    with trio.move_on_after(_SOON_S):
        await optimization.wait_finished()
    return _status(optimization)


async def pause_optimization(app_state: AppState, optimization_id: str) -> Response:
    """Pause an optimization: no trial begins until it is resumed. Its log does not record it.

    The response is sent once the pause is as durable as `/readyz` says.
    """
    optimization = app_state.gateway.optimization(optimization_id)
    optimization.pause()
    await app_state.gateway.flush()
    return _status(optimization)


async def resume_optimization(app_state: AppState, optimization_id: str) -> Response:
    """Let a paused optimization go on, or begin a new attempt of one that was cancelled or failed.

    A new attempt has a log of its own, takes over every finished trial, and evaluates only those
    that are missing. The response is sent once it is running, or a second later if it still waits
    for its turn. A running or completed optimization is 409.
    """
    optimization = app_state.gateway.optimization(optimization_id)
    app_state.check_open()
    try:
        optimization.resume()
    except OptimizationConflictError as error:
        message = f"Cannot resume — optimization not found or not resumable: {error}"
        raise OptimizationConflictError(message) from None
    await optimization.wait_stored()
    with trio.move_on_after(_SOON_S), optimization.subscribe(types=["state"]) as states:
        while optimization.status.state is OptimizationState.PENDING:
            await states.read()
    return _status(optimization)


async def delete_optimization(app_state: AppState, optimization_id: str) -> Response:
    """Delete an optimization with its trials and its result; a running one is cancelled first.

    The ledger of trials keeps counting them, and runs that were made of trials stay.
    """
    app_state.gateway.delete_optimization(optimization_id)
    await app_state.gateway.flush()
    return Response(b"", 204)
