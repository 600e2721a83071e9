"""Responses that are sent before the request's body is complete.

Rule: the connection is kept where only a short body is missing; in all other cases the response
carries `Connection: close`, so that no client sends a request that is dropped.
"""

from __future__ import annotations

import pytest
import trio
from support.asgi_apps import HANDLERS, App, Receive, Scope, Send, answer
from support.virtual_server import serving
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.serving import Limits

POST = b"POST %s HTTP/1.1\r\nHost: test\r\n%s\r\n\r\n"
SHORT, LONG, CHUNKED = (
    b"Content-Length: 2000",
    b"Content-Length: 900000",
    b"Transfer-Encoding: chunked",
)


@pytest.mark.parametrize("pieces", [1, 2, 2000])
async def test_a_connection_is_kept_when_a_short_body_comes_after_its_response(
    pieces: int, autojump_clock: MockClock
) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(POST % (b"/", SHORT))
        reply = await client.read_reply(b"POST")
        assert (reply.status, reply.headers.get(b"connection")) == (200, None)
        for _ in range(pieces):
            await client.send(b"x" * (2000 // pieces))
            await wait_all_tasks_blocked()
        assert (await client.get()).body == b"ok"
        await client.send(POST % (b"/mirror", b"Content-Length: 2") + b"hi")
        assert (await client.read_reply(b"POST")).body == b"hi"
        client.stream.close()
    assert [record.status for record in server.requests] == [200, 200, 200]


async def test_a_body_and_the_next_request_may_come_at_once(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(POST % (b"/", SHORT))
        await client.read_reply(b"POST")
        await client.send(b"x" * 2000 + POST % (b"/mirror", b"Content-Length: 2") + b"hi")
        assert (await client.read_reply(b"POST")).body == b"hi"
        client.stream.close()


@pytest.mark.parametrize("framing", [LONG, CHUNKED])
async def test_a_response_before_a_body_of_any_length_is_marked_as_the_last(
    framing: bytes, autojump_clock: MockClock
) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(POST % (b"/", framing))
        reply = await client.read_reply(b"POST")
        assert (reply.status, reply.headers[b"connection"]) == (200, b"close")
        assert await client.read_to_end() == b""
        assert await server.still_answers()


async def test_a_response_before_the_end_of_a_chunked_body_is_marked_as_the_last(
    autojump_clock: MockClock,
) -> None:
    async def sum_up(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            event = await receive()
            body, more = event["body"], event["more_body"]
            await send({"type": "http.response.body", "body": body, "more_body": more})

    async with serving(App({"/sum": sum_up, "/": HANDLERS["/"]})) as server:
        client = server.connect()
        await client.send(POST % (b"/sum", CHUNKED))
        assert b"connection: close" in (head := await client.read_head()).lower(), head
        await client.send(b"2\r\nhi\r\n0\r\n\r\n")
        assert await client.read_to_end() == b"2\r\nhi\r\n0\r\n\r\n"
        assert await server.still_answers()


async def test_a_body_that_never_comes_is_given_up(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(POST % (b"/", SHORT))
        assert (await client.read_reply(b"POST")).status == 200
        assert await client.read_to_end() == b"", "it has been answered, and is not answered twice"
        assert trio.current_time() <= Limits().body_timeout + 1
    assert [record.status for record in server.requests] == [200]


@pytest.mark.parametrize("who", ["client", "server"])
async def test_a_lost_client_or_a_shutdown_ends_the_wait_for_a_body(
    who: str, autojump_clock: MockClock
) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(POST % (b"/", SHORT))
        await client.read_reply(b"POST")
        began = trio.current_time()
        if who == "server":
            server.stop.set()
            assert await client.read_to_end() == b""
        client.stream.close()
        await wait_all_tasks_blocked()
        assert trio.current_time() == began
    assert [record.status for record in server.requests] == [200]


async def test_the_application_of_an_answered_request_receives_the_disconnect(
    autojump_clock: MockClock,
) -> None:
    received: list[str] = []

    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send)
        received.append((await receive())["type"])

    async with serving(App({"/hasty": hasty, "/": HANDLERS["/"]})) as server:
        client = server.connect()
        await client.send(POST % (b"/hasty", SHORT))
        await client.read_reply(b"POST")
        await client.send(b"x" * 2000)
        assert (await client.get()).body == b"ok"
        client.stream.close()
    assert received == ["http.disconnect"]
