"""`glowback-trio serve`: serve backtests over HTTP and WebSocket until a signal arrives."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TextIO

import trio
from attrs import fields
from cyclopts import App, Parameter
from cyclopts.validators import Number

from glowback_trio.actors import Gateway, open_gateway
from glowback_trio.border import log_fault, restarted
from glowback_trio.cli.messages import print_note, print_warning, printing_to_stderr
from glowback_trio.cli.options.data_option import file_limits, open_catalogue
from glowback_trio.cli.options.environment import unknown_variables
from glowback_trio.cli.options.flags import read_settings, with_setting_flags
from glowback_trio.cli.options.store_option import open_store, where_kept
from glowback_trio.cli.options.strategy_option import load_strategies
from glowback_trio.cli.upkeep import collecting_shortly, give_back_for_ever
from glowback_trio.compute import Compute, ProcessCompute, RayCompute, ThreadCompute, usable_cores
from glowback_trio.errors import InvalidRequestError, Problem, StoreError
from glowback_trio.memory import resident, usable_memory
from glowback_trio.peers import HttpPeers, advertised_address, check_advertised, open_peers
from glowback_trio.server import Settings, serve
from glowback_trio.server.security.hosts import is_loopback
from glowback_trio.store import MemoryStore, Store

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio serve --data demo
  GLOWBACK_API_KEY=change-me glowback-trio serve --host 0.0.0.0 --data ./prices
  glowback-trio serve --data demo --strategies my_strategies:Breakout
  glowback-trio serve --data demo --store sqlite:./runs.sqlite
  glowback-trio serve --data /srv/prices --compute ray --ray-address auto
  glowback-trio serve --data ./prices --store postgresql://glowback@db/glowback
  glowback-trio serve --host unix:/run/glowback.sock --trusted-proxies unix

Prints `listening on http://HOST:PORT` once it accepts connections (https with
a certificate), or `listening on unix:/PATH`. The first SIGINT or SIGTERM shuts
the server down in order, a second one ends it at once. A flag overrides its
environment variable, which overrides the default.
"""

_UNIX = "unix:"
_OPEN_TO_ALL = (
    "{host} is reachable from other machines and no API key is required: everybody who can reach "
    "it, and every web page in their browsers, can submit runs, and read, cancel and delete all of "
    "them; set GLOWBACK_API_KEY"
)
_OPEN_HERE = (
    "no API key is required: every program and user of this machine can submit runs, and read, "
    "cancel and delete all of them"
)
# Threads encode results and check requests. One that wants the interpreter lock asks for it after
# this time; next to a busy thread the event loop lags by 1 ms with it, and by 7 ms by default.
_SWITCH_S = 0.0005

_NO_UPKEEP = "Giving memory back to the system has failed; it begins again"
_UNHEARD = "Waiting for a signal has failed; it begins again"

app = App(name="serve", help_format="plaintext", help_epilogue=_EXAMPLES)


@app.default
@with_setting_flags
async def serve_backtests(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8000,
    **flags: str | bool | list[str] | None,
) -> None:
    """Serve backtests over HTTP and WebSocket.

    Runs are kept in a file, so that they survive the process, unless `--store` says otherwise:
    memory, or a database of PostgreSQL that several servers share. On SIGINT or SIGTERM queued
    runs, and those that say `"on_restart": "rerun"`, go on at the next start; other runs are
    cancelled, and streams receive their last events.

    Args:
        host: Address to listen on, or `unix:/path` for a Unix socket, which has no port.
        port: Port to listen on; 0 picks a free one.
        flags: One per row of the settings table.
    """
    settings = read_settings(flags, os.environ)
    _warn_of_variables()
    _check_key(settings)
    strategies = load_strategies(settings.strategies)
    prices = open_catalogue(
        settings.data or "sample",
        settings.cache,
        allow_sample=settings.allow_sample,
        max_bars=settings.max_bars,
        max_rows=settings.max_rows,
        file_limits=file_limits(settings),
    )
    store = open_store(settings)
    raised = _raise_open_file_limit()
    if not (settings.api_keys or _is_local(host)):
        print_warning(_OPEN_TO_ALL.format(host=host))
    async with (
        _open_peers(settings, host) as peers,
        open_gateway(
            data=prices,
            store=store,
            compute=_compute(settings),
            max_running=settings.max_running,
            max_queued=settings.max_queued,
            max_live_runs=settings.max_live_runs,
            max_parked_runs=settings.max_parked_runs,
            max_optimizations=settings.max_optimizations,
            max_log_bytes=settings.max_log_bytes,
            max_result_bytes=settings.max_result_bytes,
            max_memory=settings.max_memory or usable_memory() // 2,
            strategies=strategies,
            peers=peers,
        ) as gateway,
    ):
        # What no account can estimate: the interpreter, its modules, the catalogue of prices.
        gateway.memory.account("program").add(resident())
        sys.setswitchinterval(_SWITCH_S)
        stdout = sys.stdout
        with printing_to_stderr(), collecting_shortly():
            await _serve_until_signal(
                partial(serve, gateway, bind=_bind(host, port), settings=settings, forwarder=peers),
                partial(give_back_for_ever, gateway.memory),
                stdout,
                [*_notes(settings, host, store), *raised],
                partial(_advertise, gateway, settings),
            )


def _warn_of_variables() -> None:
    """Warn of variables that look like settings but are none: a limit that is not set."""
    for sentence in unknown_variables(
        os.environ, (row.metadata["env"] for row in fields(Settings))
    ):
        print_warning(sentence)


def _check_key(settings: Settings) -> None:
    """Refuse a certificate whose file has no private key where no other file was named.

    Raises:
        InvalidRequestError: It names the option. A file that cannot be read is left to the server.
    """
    if settings.tls_cert is None or settings.tls_key is not None:
        return
    with suppress(OSError):
        if b"PRIVATE KEY" not in Path(settings.tls_cert).read_bytes():
            message = f"{settings.tls_cert} holds no private key: name the file that does"
            raise InvalidRequestError([Problem("missing", ("--tls-key",), message)])


def _compute(settings: Settings) -> Compute:
    if settings.compute == "thread":
        return ThreadCompute()
    limits: dict[str, Any] = {
        "memory_bytes": settings.worker_memory_bytes or None,
        "cpu_s": settings.max_run_seconds or None,
        "warm": settings.warm,
    }
    if settings.compute == "ray":
        return RayCompute(settings.ray_address, settings.workers or None, **limits)
    # More workers than runs that may run would only take memory.
    cores = min(usable_cores(), settings.max_running)
    return ProcessCompute(workers=settings.workers or cores, **limits)


@asynccontextmanager
async def _open_peers(settings: Settings, host: str) -> AsyncIterator[HttpPeers | None]:
    """Open the way to the other gateways on the store, if it is one that several can share.

    Raises:
        InvalidRequestError: They cannot reach or know this one.
    """
    if not (settings.store or "").startswith("postgres"):
        yield None
        return
    secret = settings.peer_secret
    check_advertised(
        settings.advertise, host, has_secret=bool(secret), has_keys=bool(settings.api_keys)
    )
    async with open_peers(secret or "", ca_file=settings.peer_ca) as peers:
        yield peers


async def _advertise(gateway: Gateway, settings: Settings, urls: Sequence[str]) -> None:
    """Tell the other gateways where this one is reached."""
    if (cluster := gateway.cluster) is not None:
        cluster.advertise(advertised_address(settings.advertise, urls))
        with suppress(StoreError):  # told with the next renewal
            await cluster.renew()


def _bind(host: str, port: int) -> str:
    if host.startswith(_UNIX):
        return host
    # An IPv6 address needs brackets before a port can follow.
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _notes(settings: Settings, host: str, store: Store) -> list[str]:
    """Return what the operator should know once the server listens."""
    notes = [] if settings.api_keys or not _is_local(host) else [_OPEN_HERE]
    if not isinstance(store, MemoryStore):
        notes.append(f"runs are kept in {where_kept(settings.store)}")
    return notes


async def _serve_until_signal(
    serving: partial[Any],
    upkeep: partial[Any],
    stdout: TextIO,
    notes: Sequence[str],
    advertise: Callable[[Sequence[str]], Awaitable[None]],
) -> None:
    stop = trio.Event()
    async with trio.open_nursery() as listening:
        # The signals are handled before the server starts, so that none is missed; when the server
        # has ended, the task that waits for them is cancelled.
        await listening.start(_set_on_signal, stop)
        listening.start_soon(restarted, upkeep, log_fault(_NO_UPKEEP), name=upkeep)
        async with trio.open_nursery() as nursery:
            urls: list[str] = await nursery.start(partial(serving, stop=stop))
            await advertise(urls)
            for url in urls:
                _announce(url, stdout)
            for note in notes:
                print_note(note)
        listening.cancel_scope.cancel()


def _announce(url: str, stdout: TextIO) -> None:
    try:
        print(f"listening on {url}", file=stdout, flush=True)
    except OSError as error:  # nobody can read it, and the server serves all the same
        print_warning(f"listening on {url}, but stdout cannot be written: {error.strerror}")


async def _set_on_signal(
    stop: trio.Event, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Set `stop` on the first signal, and restore SIGINT's default so that a second one kills."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        await restarted(signals.__anext__, log_fault(_UNHEARD))
        stop.set()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _raise_open_file_limit() -> list[str]:
    """Raise the soft limit on open files to the hard one, since every stream is an open file.

    Returns:
        A note for the operator, if that has changed anything.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS reports a hard limit that it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if soft != hard:
            most = "as many as the system can" if hard == resource.RLIM_INFINITY else str(hard)
            return [f"the limit on open files (ulimit -n) is raised from {soft} to {most}"]
    return []


def _is_local(host: str) -> bool:
    """Return True if only this machine can reach the host."""
    return host.startswith(_UNIX) or is_loopback(host)
