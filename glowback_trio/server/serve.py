"""Serve a gateway: from binding its addresses to the shutdown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

import trio
from quart_trio import QuartTrio

from glowback_trio import serving
from glowback_trio.actors import Gateway
from glowback_trio.border import log_fault, restarted
from glowback_trio.extras import PARQUET
from glowback_trio.nursery import open_bare_nursery
from glowback_trio.server.app import build_app, make_app_state
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.forwarding import Forwarder
from glowback_trio.server.http.responses import JSON, encode_headers
from glowback_trio.server.observability.logs import log_access, logging_to
from glowback_trio.server.observability.stall_watch import watching_loop
from glowback_trio.server.pipeline.fast_path import FastPath
from glowback_trio.server.pipeline.headers import HSTS, SECURITY_HEADERS, choose_request_id
from glowback_trio.server.routes.pages import read_pages
from glowback_trio.server.security.hosts import ServedHosts
from glowback_trio.server.settings import Settings
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.shared_rates import exchange_for_ever
from glowback_trio.wire.json_text import dumps

__all__ = ["serve"]

_DEFAULTS = Settings()
_UNMEASURED = "Measuring the lag of the event loop has failed; it begins again"
_UNSHARED = "Telling other gateways what clients use of their rates has failed; it begins again"
_UNDELAYED = "Waiting for the shutdown has failed; it begins again"


async def serve(
    gateway: Gateway,
    *,
    bind: str | Sequence[str] = "127.0.0.1:8000",
    settings: Settings = _DEFAULTS,
    forwarder: Forwarder | None = None,
    listeners: Sequence[trio.abc.Listener[trio.abc.HalfCloseableStream]] | None = None,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a gateway over HTTP and WebSocket until `stop` is set or the scope is cancelled.

    Without keys and without a list of hosts, a server that listens on loopback addresses only
    serves the names of its own machine: `localhost`, `127.0.0.0/8` and `[::1]`, with any port.

    The shutdown after `stop`, in this order: `/readyz` answers 503 for `settings.shutdown_delay`
    seconds. Then no further connection or run is accepted. Runs that survive the gateway in a
    durable store stop as they are: queued ones, and those whose requests say `on_restart: "rerun"`.
    Other queued runs are cancelled; other running ones get `settings.drain` seconds to finish and
    are cancelled then. Streams send the end of their run and close with 1000; those that still are
    open get 1012 and are cut after `settings.grace` seconds. The gateway stays closed.

    Args:
        gateway: An open gateway.
        bind: `host:port`, `unix:/path`, or several; port 0 picks a free one.
        settings: Keys, limits, origins, logs.
        forwarder: Carries requests to the other gateways of a cluster, such as `open_peers` gives;
            None: nothing does, and what they compute can be read here and not be changed.
        listeners: Open listeners to use instead of `bind`.
        stop: Set it to begin the shutdown.
        task_status: Started with the URLs, once connections are accepted.

    Raises:
        ServingError: An address cannot be bound.
    """
    hosts = ServedHosts.of(_listed_hosts(settings), settings.api_keys, bind, listeners)
    app_state = make_app_state(gateway, settings, hosts=hosts, forwarder=forwarder)
    _load_ahead()
    # Takes a while, so not while anything is watched that takes long.
    app = build_app(app_state)
    closing = trio.Event()
    # Outermost, so that the last lines of the shutdown are still written.
    with (
        logging_to(settings),
        watching_loop(settings.stall_log_ms / 1000, app_state.metrics.note_stall),
    ):
        app_state.connections.tell(settings)
        async with open_bare_nursery() as nursery:
            if stop is not None:
                nursery.start_soon(_delay, app_state, stop, closing)
            measure = app_state.metrics.measure_lag
            nursery.start_soon(restarted, measure, log_fault(_UNMEASURED), name=measure)
            if app_state.shared is not None:
                exchange = partial(exchange_for_ever, app_state.access, app_state.shared)
                nursery.start_soon(restarted, exchange, log_fault(_UNSHARED), name=exchange)
            await serve_app(
                app_state,
                app,
                bind=bind,
                listeners=listeners,
                stop=closing,
                task_status=task_status,
            )
            # Ends what measures and exchanges, and the wait for a `stop` that never came.
            nursery.cancel_scope.cancel()


def _listed_hosts(settings: Settings) -> Sequence[str]:
    """Return the hosts that are served: those that are listed, and the one for peers."""
    reached = urlsplit(settings.advertise or "").hostname
    more = [f"[{reached}]" if ":" in reached else reached] if reached else []
    return [*settings.allowed_hosts, *more] if settings.allowed_hosts else []


def _load_ahead() -> None:
    """Load what requests will need: later there may be no descriptor left to open a file with."""
    read_pages()
    if PARQUET.is_installed:
        for module in ("pyarrow", "pyarrow.types", "pyarrow.parquet"):
            PARQUET.load(module)


async def serve_app(
    app_state: AppState,
    app: QuartTrio,
    *,
    bind: str | Sequence[str] = (),
    listeners: Sequence[trio.abc.Listener[trio.abc.HalfCloseableStream]] | None = None,
    stop: trio.Event,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an application's state, without logs, delays and measurements around it.

    Args:
        app_state: What `make_app_state` has made of a gateway.
        app: What `build_app` has made of the state.
        bind: As in `serve`.
        listeners: As in `serve`.
        stop: Set it to shut the server down at once.
        task_status: Started with the URLs.
    """
    await serving.serve(
        app,
        immediate=FastPath.of(app_state),
        bind=bind,
        listeners=listeners,
        limits=_limits(app_state),
        tls=_tls(app_state.settings),
        stop=stop,
        on_drain=app_state.drain,
        on_stop=app_state.close,
        log=partial(_record, app_state),
        load=app_state.load,
        reject=partial(_reject, app_state),
        bodies=app_state.gateway.memory.account("bodies"),
        task_status=task_status,
    )


async def _delay(app_state: AppState, stop: trio.Event, closing: trio.Event) -> None:
    """Report not ready, and give a load balancer the time to notice."""
    wait = partial(_wait_for_stop, app_state, stop)
    try:
        await restarted(wait, log_fault(_UNDELAYED))
    finally:
        closing.set()


async def _wait_for_stop(app_state: AppState, stop: trio.Event) -> None:
    await stop.wait()
    app_state.announce_stop()
    await trio.sleep(app_state.settings.shutdown_delay)


def _record(app_state: AppState, record: serving.Record) -> None:
    app_state.metrics.observe(record)
    log_access(record)


def _tls(settings: Settings) -> serving.Tls | None:
    if settings.tls_cert is None:
        return None
    return serving.Tls(settings.tls_cert, settings.tls_key)


def _limits(app_state: AppState) -> serving.Limits:
    settings, budget = app_state.settings, app_state.connections
    return serving.Limits(
        connections=budget.most,
        refusals=budget.refusals,
        compression=settings.allow_compression,
        send_timeout=settings.send_timeout,
        drain=settings.drain,
        grace=settings.grace,
    )


def _reject(app_state: AppState, rejection: serving.Rejection) -> serving.RejectionResponse:
    """Respond as the app would to a request that never reached it."""
    sent = {name.lower(): value for name, value in rejection.headers}.get(b"x-request-id", b"")
    request_id = choose_request_id(sent.decode("latin-1"), app_state.new_id)
    error = HttpError(rejection.status, rejection.reason)
    # By the settings, since the request may not have been readable.
    hsts = HSTS if app_state.settings.tls_cert else {}
    headers = {
        **SECURITY_HEADERS,
        **hsts,
        **error.headers,
        "X-Request-ID": request_id,
        "Content-Type": JSON,
    }
    return serving.RejectionResponse(
        headers=encode_headers(headers),
        body=dumps(error.document(rejection.path, request_id)),
    )
