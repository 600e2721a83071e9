"""Open a client: its connections, and the address of its server."""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2
import trio

from glowback_trio.client.client import Client
from glowback_trio.client.http_api import HttpApi
from glowback_trio.client.stream import StreamOpener
from glowback_trio.errors import EventLoopError, InvalidRequestError, Problem

__all__ = ["open_client"]

_INSTEAD = (
    "this client needs trio, so open it within trio.run, or use glowback_trio.client.sync.connect, "
    "which blocks and needs no event loop (under asyncio, call it by asyncio.to_thread)"
)


@asynccontextmanager
async def open_client(
    url: str = "http://127.0.0.1:8000",
    api_key: str | None = None,
    *,
    silent_for: float = 30.0,
    ssl_context: ssl.SSLContext | None = None,
    jitter: Callable[[], float] = random.random,
    sleep: Callable[[float], Awaitable[object]] = trio.sleep,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> AsyncIterator[Client]:
    """Open a client for the length of an `async with` block. Opening it sends nothing.

    Args:
        url: The server, with the path under which it is mounted, if any.
        api_key: Sent with every request.
        silent_for: Seconds without a byte from the server until a request fails.
        ssl_context: Trusted certificates; None: those that the system trusts.
        jitter: Returns numbers from 0 to 1, by which streams vary their delays.
        sleep: Waits between two attempts of a stream to reconnect.
        transport: Carries the requests; None: the network.

    Raises:
        EventLoopError: There is no trio event loop here, such as under asyncio.
        InvalidRequestError: `url` is not an http(s) URL of a server.
    """
    if not trio.lowlevel.in_trio_task():
        raise EventLoopError.here("open_client", _INSTEAD)
    root = f"{_server_url(url)}/v1"
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    # Every stream occupies a connection, so a limit here would cap the streams; the server has one.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx2.AsyncClient(
        headers=headers,
        timeout=silent_for,
        limits=limits,
        verify=ssl_context or True,
        transport=transport,
    ) as http:
        api = HttpApi(http, root)
        yield Client(api, StreamOpener(api, jitter, sleep))


def _server_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        message = f"Input should be a server's URL, such as http://127.0.0.1:8000, not {url!r}"
        raise InvalidRequestError([Problem("value_error", ("url",), message, url)])
    return url.rstrip("/")
