"""Serving a gateway: from the first bind to the last farewell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import trio

from glowback_trio import serving
from glowback_trio.actors import Gateway
from glowback_trio.actors.nursery import open_bare_nursery
from glowback_trio.server.app import build_app, make_app_state
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.responses import JSON
from glowback_trio.server.observability.logs import log_access, logging_to
from glowback_trio.server.pipeline.fast_path import FastPath
from glowback_trio.server.pipeline.headers import HSTS, SECURITY_HEADERS, request_id
from glowback_trio.server.settings import Settings
from glowback_trio.server.state.app_state import AppState
from glowback_trio.wire.json_text import dumps

__all__ = ["serve"]

_DEFAULTS = Settings()


async def serve(
    gateway: Gateway,
    *,
    bind: str | Sequence[str] = "127.0.0.1:8000",
    settings: Settings = _DEFAULTS,
    listeners: Sequence[trio.abc.Listener[trio.abc.HalfCloseableStream]] | None = None,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a gateway over HTTP and WebSocket until `stop` is set or the scope is cancelled.

    At `stop`, in this order: `/readyz` answers 503, for `settings.shutdown_delay` seconds; no
    connection is accepted any more and no run taken; runs that wait are cancelled, those that run
    may finish within `settings.drain` seconds and are cancelled then, so that streams tell their
    end and close 1000; what is left is told 1012, and cut after `settings.grace` seconds. The
    gateway stays closed.

    Args:
        gateway: An open gateway.
        bind: `host:port`, `unix:/path`, or several; port 0 picks one.
        settings: Keys, limits, origins, logs.
        listeners: Open listeners to use instead of `bind`.
        stop: Set it to end in order.
        task_status: Given the URLs once connections are accepted.

    Raises:
        ServingError: An address cannot be bound.
    """
    app_state = make_app_state(gateway, settings)
    closing = trio.Event()
    with logging_to(settings):
        async with open_bare_nursery() as nursery:
            if stop is not None:
                nursery.start_soon(_delay, app_state, stop, closing)
            await nursery.start(app_state.metrics.measure_lag)
            await serving.serve(
                build_app(app_state),
                immediate=FastPath(app_state),
                bind=bind,
                listeners=listeners,
                limits=_limits(settings),
                tls=_tls(settings),
                stop=closing,
                on_drain=app_state.drain,
                on_stop=app_state.close,
                log=partial(_record, app_state),
                load=app_state.load,
                reject=partial(_refuse, app_state),
                task_status=task_status,
            )
            nursery.cancel_scope.cancel()


async def _delay(app_state: AppState, stop: trio.Event, closing: trio.Event) -> None:
    """Give a load balancer the time to look elsewhere."""
    await stop.wait()
    app_state.announce_stop()
    await trio.sleep(app_state.settings.shutdown_delay)
    closing.set()


def _record(app_state: AppState, record: serving.Record) -> None:
    app_state.metrics.observe(record)
    log_access(record)


def _tls(settings: Settings) -> serving.Tls | None:
    if settings.tls_cert is None:
        return None
    return serving.Tls(settings.tls_cert, settings.tls_key)


def _limits(settings: Settings) -> serving.Limits:
    return serving.Limits(
        connections=settings.max_connections,
        compression=settings.allow_compression,
        send_timeout=settings.send_timeout,
        drain=settings.drain,
        grace=settings.grace,
    )


def _refuse(app_state: AppState, refusal: serving.Rejection) -> serving.RejectionResponse:
    """Answer for the app where it was not reached, in its shapes and with its headers."""
    offered = {name.lower(): value for name, value in refusal.headers}.get(b"x-request-id", b"")
    identity = request_id(offered.decode("latin-1"), app_state.new_id)
    error = HttpError(refusal.status, refusal.reason)
    hsts = HSTS if app_state.settings.tls_cert else {}
    headers = {**SECURITY_HEADERS, **hsts, "X-Request-ID": identity, "Content-Type": JSON}
    return serving.RejectionResponse(
        headers=[(name.lower().encode(), value.encode()) for name, value in headers.items()],
        body=dumps(error.document(refusal.path, identity)),
    )
