"""The shutdown of a server: its order, and its bound.

Rule: no client and no hook can delay the end beyond `drain` and `grace`. All clocks are virtual.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from support.asgi_apps import App, Receive, Scope, Send, answer
from support.rough_client import CLOSE, HANDSHAKE, PONG, TEXT, RoughClient, close_frame, frame
from support.virtual_net import Network
from support.virtual_server import VirtualServer, serving
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.serving import Limits, Load, serve

GRACE = Limits().grace


async def test_the_shutdown_has_its_order(autojump_clock: MockClock) -> None:
    steps: list[str] = []

    async def on_stop() -> None:
        with pytest.raises(ConnectionRefusedError):
            server.network.connect()
        assert (await idle.get()).status == 200
        steps.append("on_stop")

    async with serving(on_stop=on_stop) as server:
        idle, stream, busy = server.connect(), await server.websocket(), server.connect()
        await idle.get()
        await busy.send(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
        server.app.handlers["/slow"] = slow
        await wait_all_tasks_blocked()
        server.stop.set()
        assert await stream.read_close() == 1012
        await stream.send(close_frame(1012))
        steps.append("streams closed")
        assert await idle.read_to_end() == b""
        assert server.app.lifespan == ["startup"]
        reply = await busy.read_reply()
        assert reply.headers[b"connection"] == b"close"
        steps.append("answered")
        await server.ended.wait()
    assert steps == ["on_stop", "streams closed", "answered"]
    assert server.app.lifespan == ["startup", "shutdown"]
    assert trio.current_time() == pytest.approx(3, abs=0.1)


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    await trio.sleep(3)
    await answer(send)


async def test_a_response_that_began_before_the_shutdown_ends_its_connection(
    autojump_clock: MockClock,
) -> None:
    async def begin(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await trio.sleep(2)
        await send({"type": "http.response.body", "body": b"cd"})

    async with serving(App({"/begin": begin})) as server:
        whole, half = server.connect(), server.connect()
        await whole.send(b"GET /begin HTTP/1.1\r\nHost: test\r\n\r\n")
        await half.send(b"POST /begin HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf")
        for client in (whole, half):
            assert b"connection: close" not in (await client.read_head()).lower()
        server.stop.set()
        for client in (whole, half):
            assert await client.read_to_end() == b"abcd"
        assert trio.current_time() == pytest.approx(2, abs=0.1)


async def test_an_application_learns_of_the_shutdown_before_its_client_answers(
    autojump_clock: MockClock,
) -> None:
    received: list[tuple[int, float]] = []

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] != "websocket.disconnect":
            pass
        received.append((event["code"], trio.current_time()))

    async with serving(App({"/watch": watch})) as server:
        client = await server.websocket(b"/watch")
        began = trio.current_time()
        server.stop.set()
        await wait_all_tasks_blocked()
        assert received == [(1012, began)]
        assert await client.read_close() == 1012


async def test_streams_that_on_stop_ended_are_not_closed_1012(autojump_clock: MockClock) -> None:
    over, done = trio.Event(), trio.Event()

    async def last_words(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await over.wait()
        await send({"type": "websocket.send", "text": "the end"})
        await send({"type": "websocket.close", "code": 1000})
        done.set()

    async def on_stop() -> None:
        over.set()
        await done.wait()

    async with serving(App({"/last": last_words}), on_stop=on_stop) as server:
        client = await server.websocket(b"/last")
        server.stop.set()
        assert await client.read_frame() == (TEXT, b"the end")
        assert await client.read_close() == 1000


async def half_open(server: VirtualServer) -> RoughClient:
    """A client that has gone without a word."""
    return await server.websocket(b"/echo")


async def not_reading(server: VirtualServer) -> RoughClient:
    """A client whose buffers are full."""
    client = await server.websocket(b"/flood", capacity=2000)
    await trio.sleep(1)
    return client


async def never_answering(server: VirtualServer) -> RoughClient:
    """A client that reads, and never closes."""
    return await server.websocket(b"/goodbye")


async def silent(server: VirtualServer) -> RoughClient:
    """A client that has connected and no more."""
    return server.connect()


async def half_a_head(server: VirtualServer) -> RoughClient:
    client = server.connect()
    await client.send(b"GET / HTT")
    return client


async def half_a_body(server: VirtualServer) -> RoughClient:
    client = server.connect()
    await client.send(b"POST /mirror HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf")
    return client


async def endless_answer(server: VirtualServer) -> RoughClient:
    client = server.connect(capacity=2000)
    await client.send(b"GET /endless HTTP/1.1\r\nHost: test\r\n\r\n")
    return client


async def undecided_handshake(server: VirtualServer) -> RoughClient:
    client = server.connect()
    await client.send(HANDSHAKE % (b"/undecided", b""))
    return client


async def unread_refusal(server: VirtualServer) -> RoughClient:
    client = server.connect()
    await client.send(b"nonsense\r\n\r\n")
    return client


PEERS: list[Callable[[VirtualServer], Awaitable[RoughClient]]] = [
    half_open,
    not_reading,
    never_answering,
    silent,
    half_a_head,
    half_a_body,
    endless_answer,
    undecided_handshake,
    unread_refusal,
]


@pytest.mark.parametrize("peer", PEERS)
async def test_no_client_delays_the_shutdown(
    peer: Callable[[VirtualServer], Awaitable[RoughClient]], autojump_clock: MockClock
) -> None:
    async with serving() as server:
        await peer(server)
        await trio.sleep(0.1)
        began = trio.current_time()
        server.stop.set()
        await server.ended.wait()
    assert trio.current_time() - began <= GRACE + 1
    assert server.app.running == 0
    assert server.app.lifespan == ["startup", "shutdown"]


@pytest.mark.parametrize("peer", PEERS)
async def test_no_client_delays_a_cancelled_server(
    peer: Callable[[VirtualServer], Awaitable[RoughClient]], autojump_clock: MockClock
) -> None:
    server = VirtualServer(App())
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        await peer(server)
        await trio.sleep(0.1)
        began = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began <= 1
    assert server.app.running == 0
    assert server.app.lifespan == ["startup", "shutdown"]


async def test_a_stream_closed_by_force_leaves_its_record(autojump_clock: MockClock) -> None:
    async with serving() as server:
        await half_open(server)
        server.stop.set()
        await server.ended.wait()
    [record] = server.websockets
    assert record.close_code == 1012


async def test_an_on_stop_that_hangs_is_cut_at_the_end_of_the_grace(
    autojump_clock: MockClock,
) -> None:
    async with serving(on_stop=trio.sleep_forever) as server:
        client = await server.websocket()
        began = trio.current_time()
        server.stop.set()
        assert await client.read_close() == 1012
        await server.ended.wait()
        assert trio.current_time() - began <= GRACE + 1


async def test_the_grace_begins_when_the_application_has_drained(
    autojump_clock: MockClock,
) -> None:
    steps: list[tuple[str, float]] = []

    async def on_drain() -> None:
        with pytest.raises(ConnectionRefusedError):
            server.network.connect()
        await trio.sleep(60)
        assert (await idle.get()).status == 200
        steps.append(("drained", trio.current_time()))

    async def on_stop() -> None:
        steps.append(("on_stop", trio.current_time()))
        await trio.sleep_forever()

    limits = Limits(drain=100)
    async with serving(on_drain=on_drain, on_stop=on_stop, limits=limits) as server:
        idle = server.connect()
        await idle.get()
        server.stop.set()
        await trio.sleep(limits.drain)
        await server.ended.wait()
    assert steps == [("drained", 60), ("on_stop", 60)]


@pytest.mark.parametrize("drain", [0, 30])
async def test_an_on_drain_that_hangs_is_cut_after_its_time(
    drain: float, autojump_clock: MockClock
) -> None:
    async with serving(on_drain=trio.sleep_forever, limits=Limits(drain=drain)) as server:
        client = await server.websocket()
        server.stop.set()
        assert await client.read_close() == 1012
        assert trio.current_time() == drain


async def test_a_server_knows_its_load(autojump_clock: MockClock) -> None:
    load = Load()
    async with serving(load=load) as server:
        assert load.connections == 0
        clients = [server.connect() for _ in range(3)]
        for client in clients:
            await client.get()
        assert load.connections == 3
        for client in clients:
            client.stream.close()
        await wait_all_tasks_blocked()
        assert load.connections == 0


async def test_an_on_stop_that_fails_is_recorded_and_the_shutdown_goes_on(
    autojump_clock: MockClock,
) -> None:
    async def on_stop() -> None:
        raise ValueError("no")

    async with serving(on_stop=on_stop) as server:
        client = await server.websocket()
        server.stop.set()
        assert await client.read_close() == 1012
    assert server.faults == ["ValueError('no')"]


@pytest.mark.parametrize("ticks", range(12))
async def test_a_message_during_the_shutdown_does_not_hide_it(
    ticks: int, autojump_clock: MockClock
) -> None:
    async with serving() as server:
        clients = [await server.websocket() for _ in range(20)]
        await wait_all_tasks_blocked()
        server.stop.set()
        for _ in range(ticks):
            await trio.lowlevel.checkpoint()
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(client.send, frame(TEXT, b"hi"))
        assert [await client.read_close() for client in clients] == [1012] * 20
        assert trio.current_time() == 0
        for client in clients:
            client.stream.close()


async def test_a_thousand_healthy_streams_end_at_once(autojump_clock: MockClock) -> None:
    async def follow(client: RoughClient) -> None:
        assert await client.read_close() == 1012
        await client.send(close_frame(1012))

    async with serving() as server, trio.open_nursery() as nursery:
        for _ in range(1000):
            nursery.start_soon(follow, await server.websocket())
        began = trio.current_time()
        server.stop.set()
        await server.ended.wait()
        assert trio.current_time() - began < 0.1
    assert len(server.websockets) == 1000


async def test_a_message_under_way_is_whole_before_the_close(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = await server.websocket(b"/flood", capacity=500)
        await trio.sleep(1)
        server.stop.set()
        opcodes = []
        while CLOSE not in opcodes:
            opcode, payload = await client.read_frame()
            assert opcode == CLOSE or payload == b"x" * 1000
            opcodes.append(opcode)
        assert set(opcodes) == {TEXT, CLOSE}


async def test_streams_without_a_socket_are_served_too(autojump_clock: MockClock) -> None:
    class Plain(Network):
        async def accept(self) -> trio.StapledStream[Any, Any]:  # type: ignore[override] # no socket
            end = await super().accept()
            return trio.StapledStream(end, end)

    app, network, stop = App(), Plain(), trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, app, listeners=[network], stop=stop))
        client = RoughClient(network.connect())
        assert (await client.get()).body == b"ok"
        await client.upgrade()
        await client.send(frame(TEXT, b"hi"))
        assert await client.read_frame() == (TEXT, b"hi")
        client.stream.close()
        stop.set()


async def test_a_cancelled_shutdown_is_bounded_too(autojump_clock: MockClock) -> None:
    server = VirtualServer(App())
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        for peer in PEERS:
            await peer(server)
        server.stop.set()
        await trio.sleep(0.1)
        began = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began <= 1
    assert server.app.running == 0


async def test_two_servers_in_one_program_are_independent(autojump_clock: MockClock) -> None:
    async with serving() as first, serving() as second:
        client = await first.websocket()
        second.stop.set()
        await second.ended.wait()
        await client.send(frame(TEXT, b"hi") + frame(PONG))
        assert await client.read_frame() == (TEXT, b"hi")
