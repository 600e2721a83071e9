"""A client for the length of a block."""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2
import trio

from glowback_trio.client.client import Client
from glowback_trio.errors import InvalidRequestError, Problem

__all__ = ["open_client"]


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
    """Open a client for the length of an `async with` block. Nothing is sent by that.

    Args:
        url: The server, with the path under which it is mounted, if any.
        api_key: Sent with every request.
        silent_for: Seconds after which a server that says nothing is taken for unreachable.
        ssl_context: Whom to trust; None: whom the system trusts.
        jitter: Gives numbers from 0 to 1, by which streams vary their delays.
        sleep: Waits between the attempts of streams.
        transport: Carries the requests; None: the network.

    Raises:
        InvalidRequestError: The URL is none of a server.
    """
    root = f"{_server(url)}/v1"
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    # Every stream holds a connection; how many there may be is the server's to say.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx2.AsyncClient(
        headers=headers,
        timeout=silent_for,
        limits=limits,
        verify=ssl_context or True,
        transport=transport,
    ) as http:
        yield Client(http, root, jitter, sleep)


def _server(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        message = f"Input should be a server's URL, such as http://127.0.0.1:8000, not {url!r}"
        raise InvalidRequestError([Problem("value_error", ("url",), message, url)])
    return url.rstrip("/")
