"""A head that was read before is not read again, and nobody can tell.

Rule: the bytes of a head decide all that is kept of it. What an application does to the scope of
one request does not reach the next one with the same head.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from support.asgi_apps import App
from support.virtual_server import serving
from trio.testing import MockClock

from glowback_trio.serving import ImmediateResponse
from glowback_trio.serving.http.head_checks import read_head
from glowback_trio.serving.http.rejection import RejectedError

HEAD = b"GET /a%20path?q=1 HTTP/1.1\r\nHost: one.test\r\nX-Id: 7\r\n\r\n"


def test_the_same_bytes_are_read_once() -> None:
    assert read_head(HEAD) is read_head(bytes(bytearray(HEAD)))
    assert read_head(HEAD) is not read_head(HEAD.replace(b"7", b"8"))


def test_nothing_of_a_request_that_others_share_can_be_changed() -> None:
    assert isinstance(read_head(HEAD).headers, tuple)


def test_a_long_head_is_read_each_time() -> None:
    long = HEAD.replace(b"7", b"7" * 5000)
    first, second = read_head(long), read_head(long)
    assert first is not second
    assert first.headers == second.headers


def test_a_head_that_is_refused_is_refused_each_time() -> None:
    for _ in range(3):
        with pytest.raises(RejectedError, match="one Host"):
            read_head(b"GET / HTTP/1.1\r\n\r\n")


async def test_a_scope_is_each_requests_own(autojump_clock: MockClock) -> None:
    del autojump_clock
    scopes: list[dict[str, Any]] = []

    def spoil(scope: dict[str, Any]) -> ImmediateResponse:
        scopes.append(deepcopy(scope))
        scope["state"]["mine"] = True
        scope["extensions"]["mine"] = scope["asgi"]["mine"] = {}
        scope["path"] = "/elsewhere"
        return ImmediateResponse(200, [(b"content-length", b"0")], b"")

    async with serving(App({}), immediate=spoil) as server:
        client = server.connect()
        for _ in range(2):
            await client.get(b"/a%20path?q=1")
    assert scopes[0] == scopes[1]
    assert scopes[1]["path"] == "/a path"
    assert scopes[1]["state"] == scopes[1]["extensions"] == {}
