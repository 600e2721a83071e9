"""Immediate responses, which the application gives without a task.

Rule: they differ from the application's responses in nothing that a client can see, and a
request with a body never gets one.
"""

from __future__ import annotations

from typing import Any

import pytest
import trio
from support.asgi_apps import App, mirror
from support.virtual_server import serving
from trio.testing import MockClock

from glowback_trio.serving import ImmediateResponse

Scope = dict[str, Any]

CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"


def immediate(scope: Scope) -> ImmediateResponse | None:
    """Respond to one path with its query, raise at another, and leave the others."""
    match scope["path"]:
        case "/immediate":
            body = scope["query_string"] or b"at once"
            return ImmediateResponse(200, [(b"content-length", b"%d" % len(body))], body)
        case "/fault":
            raise ValueError("not so fast")
    return None


async def test_an_immediate_response_starts_no_application(autojump_clock: MockClock) -> None:
    async with serving(App({}), immediate=immediate) as server:
        client = server.connect()
        for words in (b"once", b"twice"):
            assert (await client.get(b"/immediate?" + words)).body == words
    assert [(record.status, record.complete) for record in server.requests] == [
        (200, True),
        (200, True),
    ]


async def test_a_request_without_an_immediate_response_goes_to_the_application(
    autojump_clock: MockClock,
) -> None:
    async with serving(immediate=immediate) as server:
        client = server.connect()
        assert (await client.get()).body == b"ok"
        assert (await client.get(b"/immediate")).body == b"at once"


@pytest.mark.parametrize("framing", [b"Content-Length: 2\r\n\r\nhi", CHUNKED])
async def test_a_request_with_a_body_goes_to_the_application(
    framing: bytes, autojump_clock: MockClock
) -> None:
    async with serving(App({"/immediate": mirror}), immediate=immediate) as server:
        client = server.connect()
        await client.send(b"POST /immediate HTTP/1.1\r\nHost: test\r\n" + framing)
        assert (await client.read_reply()).body == b"hi"


async def test_head_gets_the_head_of_an_immediate_response(autojump_clock: MockClock) -> None:
    async with serving(immediate=immediate) as server:
        client = server.connect()
        await client.send(b"HEAD /immediate HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        assert (await client.read_to_end()).endswith(b"\r\n\r\n")


async def test_an_error_in_the_immediate_handler_ends_that_request_only(
    autojump_clock: MockClock,
) -> None:
    async with serving(immediate=immediate) as server:
        other = server.connect()
        assert (await other.get(b"/immediate")).status == 200
        assert (await server.connect().get(b"/fault")).status == 500
        assert (await other.get(b"/immediate")).status == 200
    assert server.faults == ["ValueError('not so fast')"]


async def test_other_tasks_run_between_pipelined_requests(autojump_clock: MockClock) -> None:
    turns = 0
    turns_at: list[int] = []

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    def note_turn(scope: Scope) -> ImmediateResponse:
        turns_at.append(turns)
        return ImmediateResponse(200, [(b"content-length", b"2")], b"ok")

    async with serving(immediate=note_turn) as server, trio.open_nursery() as nursery:
        client = server.connect()
        nursery.start_soon(count)
        await client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n" * 100)
        for _ in range(100):
            assert (await client.read_reply()).body == b"ok"
        nursery.cancel_scope.cancel()
    assert len(set(turns_at)) == 100


async def test_half_a_request_gets_no_response(autojump_clock: MockClock) -> None:
    async with serving(immediate=immediate) as server:
        client = server.connect()
        await client.send(b"GET /immediate HTTP/1.1\r\nHost: te")
        await trio.sleep(1)
        assert not server.records
        await client.send(b"st\r\n\r\n")
        assert (await client.read_reply()).body == b"at once"
