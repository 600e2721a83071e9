"""Routes for what a request may name: the strategies with their parameters, and the datasets."""

from __future__ import annotations

import attrs
import trio

from glowback_trio.data import Source
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.openapi.json_schema import strategy_document
from glowback_trio.server.state.app_state import AppState
from glowback_trio.wire.json_text import dumps

__all__ = ["list_datasets", "list_strategies"]


async def list_strategies(app_state: AppState) -> Response:
    """List the strategies and their parameters, each with its type, default and range."""
    return json_response([strategy_document(cls) for cls in app_state.gateway.strategies.values()])


async def list_datasets(app_state: AppState) -> Response:
    """List the available prices: symbols by source and resolution."""
    # In a thread: the first listing of a data directory reads every file. One at a time: the next
    # one finds what this one has read, and holds no thread until then.
    source = app_state.gateway.source
    return json_response(
        await trio.to_thread.run_sync(_datasets, source, limiter=app_state.listers)
    )


def _datasets(source: Source) -> bytes:
    return dumps([attrs.asdict(listing) for listing in source.datasets()])
