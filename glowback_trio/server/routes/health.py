"""Liveness, readiness and metrics."""

from __future__ import annotations

from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.version import VERSION

__all__ = ["liveness", "readiness", "show_metrics"]

# A run of any kind shows that it is at work once a second.
_STUCK_S = 30.0


def liveness(_app_state: AppState) -> Response:
    """Report that the server is alive."""
    return json_response({"status": "healthy", "version": VERSION})


def readiness(app_state: AppState) -> Response:
    """Report whether new runs are accepted.

    They are not at shutdown, while the store cannot write, and while no memory is left.

    `durability` says what an event that a client has received survives: nothing (`memory`), the end
    of the server's process, however it ends (`process`), or a power cut, too (`power`). `slots`
    says how many runs are computed (`held` of `all`), and which of them have made no step for more
    than 30 seconds (`stuck`), such as those whose strategy does not return.
    """
    # A server that drains still serves streams and results, but balancers should choose another.
    if app_state.stopping or app_state.gateway.closed:
        raise HttpError(503, "The server is shutting down")
    if not app_state.gateway.writable:
        raise HttpError(503, "The store cannot write")
    app_state.gateway.memory.check()
    slots = app_state.gateway.slots
    stuck = slots.stuck(_STUCK_S).items()
    document = {
        "status": "ready",
        "version": VERSION,
        "durability": app_state.gateway.durability,
        "slots": {
            "all": slots.slots,
            "held": len(slots.holders),
            "stuck": [{"run_id": run_id, "seconds": round(s, 1)} for run_id, s in stuck],
        },
    }
    return json_response(document)


async def show_metrics(app_state: AppState) -> Response:
    """Return the server's metrics in the Prometheus text format."""
    content_type, text = app_state.metrics.render()
    return Response(text, content_type=content_type)
