"""Rejections without the application: bad heads, large bodies, slow clients, too many clients.

Rule: a rejection is a whole response with `Connection: close`, leaves one record, and the
application never sees the request.
"""

from __future__ import annotations

import pytest
import trio
import trio.testing
from support.asgi_apps import App, Receive, Scope, Send
from support.virtual_server import serving
from trio.testing import MockClock

from glowback_trio.serving import Limits, Rejection, RejectionResponse

POST = b"POST /mirror HTTP/1.1\r\nHost: test\r\n"

REJECTED = {
    "length and chunks": (
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks and length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "one length twice": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400),
    "a list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\nab", 400),
    "a signed length": (POST + b"Content-Length: +2\r\n\r\nab", 400),
    "a length with a space before its colon": (POST + b"Content-Length : 2\r\n\r\nab", 400),
    "a length of many digits": (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nab", 400),
    "a folded header": (b"GET / HTTP/1.1\r\nHost: test\r\nX: a\r\n b\r\n\r\n", 400),
    "a folded length": (POST + b"Content-Length:\r\n 2\r\n\r\nab", 400),
    "a bare LF between lines": (b"GET / HTTP/1.1\nHost: test\r\n\r\n", 400),
    "bare LF everywhere": (b"GET / HTTP/1.1\nHost: test\n\n", 400),
    "a bare LF at the end": (b"GET / HTTP/1.1\r\nHost: test\r\n\n", 400),
    "a bare CR": (b"GET / HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n", 400),
    "a NUL": (b"GET / HTTP/1.1\r\nHost: test\r\nX: a\x00b\r\n\r\n", 400),
    "chunked in HTTP/1.0": (
        b"POST /mirror HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "another transfer coding": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "a chunk that is none": (POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "a host that is not ASCII": (b"GET / HTTP/1.1\r\nHost: caf\xc3\xa9\r\n\r\n", 400),
    **{
        f"the impossible host {host!r}": (b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host, 400)
        for host in (b"a..b", b"x..", b".", b"a" * 64, b"*", b"x y", b"[::1", b"x:99999", b"x:-1")
    },
    "a host with a path": (b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
    "a target that is not ASCII": (b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: test\r\n\r\n", 400),
    "a target without a path": (b"GET ?a=b HTTP/1.1\r\nHost: test\r\n\r\n", 400),
    "another scheme": (b"GET file:///etc/passwd HTTP/1.1\r\nHost: test\r\n\r\n", 400),
    "a request to be a proxy": (b"CONNECT test:443 HTTP/1.1\r\nHost: test\r\n\r\n", 501),
    "a method in lower case": (b"head / HTTP/1.1\r\nHost: test\r\n\r\n", 501),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/2 by prior knowledge": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        505,
    ),
    "HTTP/3": (b"GET / HTTP/3.0\r\nHost: test\r\n\r\n", 505),
    "TLS on a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), 400),
    "noise": (bytes(range(256)), 400),
    "a long head in one piece": (
        b"GET / HTTP/1.1\r\nHost: test\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
        431,
    ),
    "a long head without an end": (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, 431),
    "a long target": (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: test\r\n\r\n", 431),
}


@pytest.mark.parametrize("row", REJECTED)
async def test_a_bad_request_is_rejected_and_the_connection_closed(
    row: str, autojump_clock: MockClock
) -> None:
    sent, status = REJECTED[row]
    async with serving() as server:
        client = server.connect()
        await client.send(sent + b"GET / HTTP/1.1\r\nHost: smuggled\r\n\r\n")
        whole = await client.read_to_end()
        assert whole.startswith(b"HTTP/1.1 %d " % status)
        assert whole.count(b"content-length") == 1
        assert b"connection: close" in whole.lower()
        assert await server.still_answers()
    assert server.faults == []
    assert server.requests[0].status == status


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"//", "//"),
        (b"//evil/x", "//evil/x"),
        (b"/%00", "/\x00"),
        (b"/%zz%", "/%zz%"),
        (b"/%ff", "/�"),
        (b"http://other/a?b", "/a"),
        (b"http://other?b", "/"),
        (b"HTTPS://other", "/"),
    ],
)
async def test_a_target_of_any_form_reaches_the_application_as_a_path(
    target: bytes, path: str, autojump_clock: MockClock
) -> None:
    async with serving(App({path: App().handlers["/"], "/": App().handlers["/"]})) as server:
        assert (await server.connect().get(target)).status == 200
    assert server.requests[0].facts.path == path


async def test_options_may_ask_for_the_whole_server(autojump_clock: MockClock) -> None:
    async with serving(App({"*": App().handlers["/"]})) as server:
        client = server.connect()
        await client.send(b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n")
        assert (await client.read_reply(b"OPTIONS")).status == 200


async def test_an_upgrade_to_another_protocol_is_ignored(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        lines = (b"Connection: upgrade, http2-settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA")
        assert (await client.get(b"/", *lines)).body == b"ok"


async def test_a_header_for_the_application_may_hold_any_bytes(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        assert (await server.connect().get(b"/", "Cookie: café".encode())).body == b"ok"


async def test_a_declared_body_that_is_too_long_is_rejected_before_it_comes(
    autojump_clock: MockClock,
) -> None:
    async with serving(limits=Limits(body_bytes=1000)) as server:
        client = server.connect()
        await client.send(POST + b"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.read_to_end()).startswith(b"HTTP/1.1 413")
        assert server.app.running == 0


async def test_a_chunked_body_that_grows_too_long_is_rejected(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(body_bytes=1000)) as server:
        client = server.connect(capacity=500)

        async def upload() -> None:
            await client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(1000):
                await client.send(b"64\r\n" + b"x" * 100 + b"\r\n")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(upload)
            reply = await client.read_reply(b"POST")
        assert reply.status == 413
        client.stream.close()
        assert await server.still_answers()
    assert server.requests[0].status == 413


async def test_a_body_of_the_allowed_length_is_accepted(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(body_bytes=1000)) as server:
        client = server.connect()
        await client.send(POST + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000)
        assert (await client.read_reply(b"POST")).status == 200


async def test_a_client_that_never_stops_sending_is_cut_in_the_end(
    autojump_clock: MockClock,
) -> None:
    async with serving(limits=Limits(linger_bytes=100_000)) as server:
        client = server.connect()
        await client.send(b"nonsense\r\n\r\n")
        with pytest.raises(trio.BrokenResourceError):
            await client.send(b"x" * 1_000_000)
        assert trio.current_time() < Limits().close_timeout


async def test_a_slow_head_is_given_up(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        for byte in b"GET / HTTP/1.1\r\n":
            await client.send(bytes([byte]))
            await trio.sleep(0.7)
            if client.stream.incoming.data:
                break
        assert (await client.read_to_end()).startswith(b"HTTP/1.1 408")
        assert trio.current_time() == pytest.approx(10, abs=1)


async def test_a_slow_body_is_given_up_and_the_application_is_notified(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(POST + b"Content-Length: 1000\r\n\r\n")
        for _ in range(59):
            await client.send(b"x")
            await trio.sleep(1)
        assert server.app.running == 1
        assert (await client.read_to_end()).startswith(b"HTTP/1.1 408")
        assert trio.current_time() == pytest.approx(60, abs=1)
        await trio.sleep(2)
        assert server.app.running == 0


async def test_a_slow_application_is_waited_for(autojump_clock: MockClock) -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(10_000)
        await App().handlers["/"](scope, receive, send)

    async with serving(App({"/slow": slow})) as server:
        assert (await server.connect().get(b"/slow")).body == b"ok"


@pytest.mark.parametrize("requests", [0, 1])
async def test_an_idle_connection_is_closed_without_a_response(
    requests: int, autojump_clock: MockClock
) -> None:
    async with serving() as server:
        client = server.connect()
        for _ in range(requests):
            await client.get()
        assert await client.read_to_end() == b""
        expected = Limits().keep_alive if requests else Limits().head_timeout
        assert trio.current_time() == pytest.approx(expected, abs=1)


async def test_a_connection_over_the_limit_is_answered_503(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(connections=2)) as server:
        first, second, third = (server.connect() for _ in range(3))
        assert (await first.get()).status == 200
        assert (await second.get()).status == 200
        assert (await third.read_to_end()).startswith(b"HTTP/1.1 503")
        first.stream.close()
        await trio.sleep(1)
        assert (await server.connect().get()).status == 200


async def test_far_too_many_connections_are_closed_without_a_response(
    autojump_clock: MockClock,
) -> None:
    async with serving(limits=Limits(connections=1)) as server:
        clients = [server.connect() for _ in range(400)]
        await trio.testing.wait_all_tasks_blocked()
        answered = [client for client in clients if client.stream.incoming.data]
        assert len(answered) == 256
        with pytest.raises(trio.BrokenResourceError):
            await clients[-1].send(b"x")


async def test_the_owner_makes_the_rejections(autojump_clock: MockClock) -> None:
    rejections: list[Rejection] = []

    def reject(rejection: Rejection) -> RejectionResponse:
        rejections.append(rejection)
        return RejectionResponse(
            [(b"content-type", b"application/json"), (b"x-frame-options", b"DENY")], b"{}"
        )

    async with serving(reject=reject, limits=Limits(body_bytes=1)) as server:
        client = server.connect()
        await client.send(b"POST /v1/x?key=1 HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nab")
        reply = await client.read_reply(b"POST")
    assert (reply.status, reply.body, reply.headers[b"x-frame-options"]) == (413, b"{}", b"DENY")
    [rejection] = rejections
    assert (rejection.status, rejection.path) == (413, "/v1/x")
    assert (b"host", b"test") in rejection.headers


async def test_a_rejected_head_request_gets_no_body(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(body_bytes=1)) as server:
        client = server.connect()
        await client.send(b"HEAD / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nab")
        reply = await client.read_reply(b"HEAD")
        assert (reply.status, reply.body) == (413, b"")
        assert await client.read_to_end() == b""


async def test_pipelined_bytes_are_kept_up_to_a_bound(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        client = server.connect(capacity=1000)
        request = b"GET /sleep HTTP/1.1\r\nHost: test\r\n\r\n"
        sent = 0
        with trio.move_on_after(5):
            while True:
                await client.send(request)
                sent += 1
        assert sent * len(request) < 100_000
        assert [(await client.read_reply()).status for _ in range(10)] == [200] * 10
        client.stream.close()
        assert await server.still_answers()
