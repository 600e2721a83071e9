"""Liveness, readiness and metrics, and the gateways of a cluster."""

from __future__ import annotations

import os
import socket

from glowback_trio.model.instant import stamp
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.store.cluster import Lease
from glowback_trio.version import VERSION
from glowback_trio.wire.converter import Document

__all__ = ["list_gateways", "liveness", "readiness", "show_metrics"]

# A run of any kind shows that it is at work once a second.
_STUCK_S = 30.0
_AWAY = (
    "The database is away: the lease of this gateway has run out. It goes on by itself once the "
    "database can be reached"
)


def liveness(_app_state: AppState) -> Response:
    """Report that the server is alive."""
    return json_response({"status": "healthy", "version": VERSION})


def readiness(app_state: AppState) -> Response:
    """Report whether new runs are accepted.

    They are not at shutdown, while the store cannot write or a database is away, and while no
    memory is left.

    `durability` says what an event that a client has received survives: nothing (`memory`), the end
    of the server's process, however it ends (`process`), or a power cut, too (`power`). `slots`
    says how many runs are computed (`held` of `all`), and which of them have made no step for more
    than 30 seconds (`stuck`), such as those whose strategy does not return.
    """
    # A server that drains still serves streams and results, but balancers should choose another.
    if app_state.stopping or app_state.gateway.closed:
        raise HttpError(503, "The server is shutting down")
    if (holding := app_state.holding) is not None and holding.lease_seconds_left <= 0:
        raise HttpError(503, _AWAY)
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


async def list_gateways(app_state: AppState) -> Response:
    """List the gateways that share the store of this one, oldest first.

    Each has a lease, which it renews. One whose lease has expired is no longer `alive`: as soon as
    another notices it, that takes over its runs, and it is no longer listed. A gateway with a store
    of its own lists itself.
    """
    if (holding := app_state.holding) is None:
        return json_response({"gateways": [_alone(app_state)]})
    leases = await holding.leases()
    return json_response({"gateways": [_listed(each, own=holding.is_own(each)) for each in leases]})


def _listed(lease: Lease, *, own: bool) -> Document:
    return {
        "epoch": lease.epoch,
        "name": lease.name,
        "address": lease.address,
        "version": lease.version,
        "started_at": stamp(lease.started_at),
        "seconds_left": round(lease.seconds_left, 3),
        "alive": lease.alive,
        "self": own,
        "runs_held": lease.runs,
    }


def _alone(app_state: AppState) -> Document:
    return {
        "epoch": None,
        "name": f"process {os.getpid()} on {socket.gethostname()}",
        "address": None,
        "version": VERSION,
        "started_at": stamp(app_state.started_at),
        "seconds_left": None,
        "alive": True,
        "self": True,
        "runs_held": sum(run.needs_task for run in app_state.gateway.runs()),
    }
