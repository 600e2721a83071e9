"""What can be asked for: strategies with their parameters, and the prices there are."""

from __future__ import annotations

import attrs
import trio

from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.openapi.json_schema import strategy_document
from glowback_trio.server.state.app_state import AppState

__all__ = ["list_datasets", "list_strategies"]


async def list_strategies(app_state: AppState) -> Response:
    """List the strategies, each parameter with its type, default and range."""
    return json_response([strategy_document(cls) for cls in app_state.gateway.strategies.values()])


async def list_datasets(app_state: AppState) -> Response:
    """List the prices there are: symbols by source and resolution."""
    # The first look into a data directory reads every file.
    listed = await trio.to_thread.run_sync(
        app_state.gateway.source.datasets, limiter=app_state.writers
    )
    return json_response([attrs.asdict(listing) for listing in listed])
