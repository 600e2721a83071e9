"""HTTP/1.1 with well-behaved clients: requests, responses, connections that are kept.

Responses are compared byte by byte where their form matters; a request in one piece and the same
request byte by byte must have the same effect.
"""

from __future__ import annotations

import pytest
import trio
from attrs import evolve
from support.asgi_apps import App, Receive, Scope, Send, answer
from support.rough_client import HANDSHAKE
from support.virtual_server import serving
from trio.testing import MockClock

from glowback_trio.serving import FaultRecord, RequestFacts, RequestRecord


async def test_a_request_is_answered(autojump_clock: MockClock) -> None:
    async with serving() as server:
        reply = await server.connect().get()
    assert (reply.status, reply.body) == (200, b"ok")
    assert reply.headers == {b"content-length": b"2"}


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", b"HTTP/1.1 200 OK"),
        (
            b"PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
            b"HTTP/1.1 100 Continue",
        ),
        (HANDSHAKE % (b"/echo", b""), b"HTTP/1.1 101 Switching Protocols"),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
    ],
)
async def test_a_status_has_its_reason_phrase(
    sent: bytes, line: bytes, autojump_clock: MockClock
) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(sent)
        assert (await client.read_head()).split(b"\r\n")[0] == line
        client.stream.close()


async def test_a_custom_status_has_no_reason_phrase(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"", status=299)

    async with serving(App({"/": app})) as server:
        client = server.connect()
        await client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        assert (await client.read_head()).startswith(b"HTTP/1.1 299 \r\n")


async def test_a_connection_is_kept_for_the_next_request(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        for _ in range(3):
            assert (await client.get()).body == b"ok"


async def test_pipelined_requests_are_answered_in_order(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        bodies = [b"%d" % number for number in range(20)]
        await client.send(
            b"".join(
                b"POST /mirror HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
                for body in bodies
            )
        )
        assert [(await client.read_reply(b"POST")).body for _ in bodies] == bodies


async def test_the_disconnect_of_a_pipelining_client_is_seen(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(b"GET /endless HTTP/1.1\r\nHost: test\r\n\r\n" * 2)
        await client.read_head()
        client.stream.close()
        await trio.sleep(2)
        assert server.app.running == 0


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\nand more",
    ],
)
async def test_the_last_response_is_followed_by_the_end(
    head: bytes, autojump_clock: MockClock
) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(head)
        with trio.fail_after(1):
            whole = await client.read_to_end()
    assert whole.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in whole.lower()
    assert whole.endswith(b"ok")


async def test_a_chunked_body_reaches_the_application(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(
            b"POST /mirror HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for byte in b"4\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\n":
            await client.send(bytes([byte]))
        assert (await client.read_reply(b"POST")).body == b"wikipedia"


async def test_a_request_fed_byte_by_byte_is_the_same_request(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        for byte in b"GET / HTTP/1.1\r\nHost: test\r\nX: 1\r\n\r\n":
            await client.send(bytes([byte]))
        assert (await client.read_reply()).body == b"ok"


async def test_a_client_that_expects_100_gets_it(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(
            b"POST /mirror HTTP/1.1\r\nHost: test\r\n"
            b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await client.read_head()).startswith(b"HTTP/1.1 100")
        await client.send(b"hi")
        assert (await client.read_reply(b"POST")).body == b"hi"


async def test_the_response_to_head_has_no_body(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n")
        reply = await client.read_reply(b"HEAD")
        assert (reply.headers[b"content-length"], reply.body) == (b"2", b"")
        assert (await client.get()).body == b"ok"


async def test_an_application_that_fails_is_answered_500_and_recorded_leaf_by_leaf(
    autojump_clock: MockClock, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serving() as server:
        reply = await server.connect().get(b"/boom")
        assert reply.status == 500
        assert await server.still_answers()
    assert sorted(server.faults) == ["KeyError('one')", "ValueError('two')"]
    assert capfd.readouterr() == ("", "")


async def test_an_application_that_fails_in_its_response_cuts_the_response(
    autojump_clock: MockClock,
) -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("no more")

    async with serving(App({"/half": half})) as server:
        client = server.connect()
        await client.send(b"GET /half HTTP/1.1\r\nHost: test\r\n\r\n")
        whole = await client.read_to_end()
    assert b"half" in whole
    assert not whole.endswith(b"0\r\n\r\n")


async def test_a_response_whose_end_was_cancelled_is_not_followed_by_another(
    autojump_clock: MockClock,
) -> None:
    async def distracted(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        with trio.CancelScope() as scope_:
            scope_.cancel()
            await send({"type": "http.response.body", "body": b""})

    async with serving(App(App().handlers | {"/distracted": distracted})) as server:
        client = server.connect()
        await client.send(b"GET /distracted HTTP/1.1\r\nHost: test\r\n\r\n")
        await client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        whole = await client.read_to_end()
        assert whole.endswith(b"4\r\nhalf\r\n")
        assert await server.still_answers()


@pytest.mark.parametrize("header", [(b"x", b"a\r\nb: c"), (b"content-length", b"many")])
async def test_an_application_that_sends_a_bad_header_is_recorded(
    header: tuple[bytes, bytes], autojump_clock: MockClock
) -> None:
    async def bad(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [header]})

    async with serving(App(App().handlers | {"/bad": bad})) as server:
        client = server.connect()
        await client.send(b"GET /bad HTTP/1.1\r\nHost: test\r\n\r\n")
        assert b"b: c" not in await client.read_to_end()
        assert await server.still_answers()
    [fault] = server.kinds(FaultRecord)
    assert (fault.where, fault.facts.path) == ("application", "/bad")


async def test_an_early_response_reaches_a_client_that_is_still_sending(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        client = server.connect(capacity=1000)

        async def upload() -> None:
            await client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 900000\r\n\r\n")
            await client.send(b"x" * 900_000)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(upload)
            reply = await client.read_reply(b"POST")
        assert reply.body == b"ok"


async def test_the_scope_names_both_ends(autojump_clock: MockClock) -> None:
    seen: list[Scope] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await answer(send)

    async with serving(App({"/a b": look})) as server:
        await server.connect().get(b"http://test/a%20b?c=d", b"X-Y: z")
    scope = seen[0]
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a b", b"/a%20b", b"c=d")
    assert (scope["client"], scope["server"]) == (("10.0.0.2", 40001), ("10.0.0.1", 80))
    assert (b"x-y", b"z") in scope["headers"]


async def test_a_request_leaves_one_record_without_its_query(autojump_clock: MockClock) -> None:
    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["request_id"] = "abc"
        await trio.sleep(3)
        await answer(send)

    async with serving(App({"/wait": wait})) as server:
        await server.connect().get(b"/wait?api_key=secret")
    [record] = server.requests
    assert server.records == [record]
    assert record.duration == pytest.approx(3)
    assert record.sent_bytes is not None
    assert record.sent_bytes > len(b"ok")
    assert "secret" not in repr(record)
    facts = RequestFacts("GET", "/wait", ("10.0.0.2", 40001), {"request_id": "abc"})
    assert evolve(record, duration=None, sent_bytes=None) == RequestRecord(
        facts=facts, status=200, complete=True
    )


async def test_a_log_that_raises_disturbs_no_request(autojump_clock: MockClock) -> None:
    def log(record: object) -> None:
        raise RuntimeError("the disk is full")

    async with serving(log=log) as server:
        client = server.connect()
        assert (await client.get()).body == b"ok"
        assert (await client.get(b"/boom")).status == 500
        assert (await server.connect().get()).body == b"ok"
