"""Begin an optimization, once however often its request is sent with one key."""

from __future__ import annotations

from attrs import frozen

from glowback_trio.actors import Optimization
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.server.http.responses import Response
from glowback_trio.server.routes.submission import submission_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.idempotency import FirstResponse
from glowback_trio.wire.converter import Converter, Document
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.optimizations.requests import optimization_document, parse_optimization
from glowback_trio.wire.optimizations.statuses import optimization_status_document

__all__ = ["create_optimization"]


async def create_optimization(app_state: AppState, document: object) -> Response:
    """Start an optimization.

    The request is checked before it starts, its base backtest included: names of parameters and
    metrics, ranges, the number of combinations of a grid, the windows of a validation, symbols.

    With an `Idempotency-Key`, a request repeated within 24 hours gets the first response again
    and starts no second one. The response is sent once the optimization is as durable as
    `/readyz` says.
    """
    return await submission_response(app_state, document, _Optimizations())


@frozen
class _Optimizations:
    """Requests that begin optimizations."""

    path: str = "/optimizations"

    def read(self, document: object, converter: Converter) -> OptimizationRequest:
        return parse_optimization(document, converter)

    def write(self, requested: OptimizationRequest) -> Document:
        return optimization_document(requested)

    async def check(self, app_state: AppState, requested: OptimizationRequest) -> str | None:
        return await app_state.check_optimization(requested)

    def begin(
        self,
        app_state: AppState,
        requested: OptimizationRequest,
        owner: str,
        key: str | None,
        fingerprint: str | None,
    ) -> FirstResponse:
        begun = app_state.optimize(requested, owner, key, fingerprint=fingerprint)
        return _first_response(begun)

    async def find(
        self, app_state: AppState, key: str, max_age_s: float
    ) -> tuple[OptimizationRequest, FirstResponse] | None:
        found = await app_state.gateway.find_optimization_key(key, max_age_s)
        return None if found is None else (found.request, _first_response(found))

    def begun(self, app_state: AppState, identity: str) -> Optimization | None:
        gateway = app_state.gateway
        return gateway.optimization(identity) if gateway.holds_optimization(identity) else None

    def delete(self, app_state: AppState, identity: str) -> None:
        app_state.gateway.delete_optimization(identity)


def _first_response(optimization: Optimization) -> FirstResponse:
    """Return the response to the request that queued an optimization."""
    request, created_at = optimization.request, optimization.status.created_at
    pending = OptimizationStatus.pending(optimization.optimization_id, request, created_at)
    body = dumps(optimization_status_document(pending))
    return FirstResponse(optimization.optimization_id, body)
