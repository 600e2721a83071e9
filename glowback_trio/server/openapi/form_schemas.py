"""The schemas of requests by themselves: what the forms of the pages are built from.

They stand in the OpenAPI document as well, which is twenty times as long.
"""

from __future__ import annotations

from glowback_trio.engine.trials.metric_names import METRIC_NAMES
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.request import BacktestRequest
from glowback_trio.server.openapi.json_schema import Components
from glowback_trio.wire.json_text import dumps

__all__ = ["form_schemas"]

# Strategies are left out: a page asks the server for them, which may have some of its own.
_NAMES = (
    "BacktestRequest",
    "PortfolioConstruction",
    "Execution",
    "Stream",
    "OptimizationRequest",
    "SearchSpace",
    "Parameter",
    "Objective",
)


def form_schemas() -> bytes:
    """Return the schemas of requests by name, and the metrics that a search may seek, as JSON."""
    components = Components()
    for cls in (BacktestRequest, OptimizationRequest):
        components.describe(cls)
    schemas = {name: components.schemas[name] for name in _NAMES}
    return dumps({"schemas": schemas, "metrics": list(METRIC_NAMES)})
