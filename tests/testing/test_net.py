"""The virtual network: what unmodified programs meet on it is what TCP gives them.

Doctrine: programs use trio's own functions only; what happens to a connection is said byte by byte,
and times are exact, because they are virtual.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.testing.sim import explore, find
from glowback_trio.testing.sim.net import Connection, VirtualNet, VirtualSocket

KIB = 1024


@pytest.fixture
async def net() -> AsyncIterator[VirtualNet]:
    with VirtualNet().installed() as net:
        yield net


async def echo(stream: trio.SocketStream) -> None:
    async with stream:
        async for data in stream:
            await stream.send_all(data)
        await stream.send_eof()


async def read_all(stream: trio.SocketStream) -> bytes:
    return b"".join([data async for data in stream])


async def serve(
    nursery: trio.Nursery, net: VirtualNet, handler: Callable[[trio.SocketStream], Awaitable[None]]
) -> None:
    with net.at("server"):
        await nursery.start(trio.serve_tcp, handler, 80)


async def pair(net: VirtualNet) -> tuple[trio.SocketStream, trio.SocketStream]:
    """Return the client's and the server's end of a connection."""
    with net.at("server"):
        (listener,) = await trio.open_tcp_listeners(80, host="server")
    with net.at("client"):
        client = await trio.open_tcp_stream("server", 80)
    server = await listener.accept()
    await listener.aclose()
    return client, server


async def test_bytes_come_back_from_an_echo_server_after_the_latency(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    with VirtualNet(latency_s=0.05).installed() as net:
        await serve(nursery, net, echo)
        with net.at("client"):
            stream = await trio.open_tcp_stream("server", 80)
        connected = trio.current_time()
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"
        assert connected == pytest.approx(0.1)
        assert trio.current_time() - connected == pytest.approx(0.1)


async def test_bandwidth_is_the_time_that_bytes_take(autojump_clock: MockClock) -> None:
    with VirtualNet(bandwidth=1000).installed() as net:
        client, server = await pair(net)
        await client.send_all(bytes(5000))
        await client.send_eof()
        assert await read_all(server) == bytes(5000)
        assert trio.current_time() == pytest.approx(5)


async def test_a_path_holds_for_its_two_hosts_only(
    net: VirtualNet, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    net.set_path("far", "server", latency_s=2)
    await serve(nursery, net, echo)
    for host, seconds in (("near", 0), ("far", 4)):
        before = trio.current_time()
        with net.at(host):
            await trio.open_tcp_stream("server", 80)
        assert trio.current_time() - before == seconds


async def test_within_a_host_there_is_no_latency(autojump_clock: MockClock) -> None:
    with VirtualNet(latency_s=9).installed():
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        stream = await trio.open_tcp_stream("localhost", port)
        assert stream.socket.getpeername() == ("127.0.0.1", port)
        assert trio.current_time() == 0


async def test_one_direction_ends_and_the_other_goes_on(net: VirtualNet) -> None:
    client, server = await pair(net)
    await client.send_all(b"question")
    await client.send_eof()
    assert await read_all(server) == b"question"
    await server.send_all(b"answer")
    await server.aclose()
    assert await read_all(client) == b"answer"
    with pytest.raises(trio.ClosedResourceError):
        await client.send_all(b"more")


async def test_a_sender_waits_for_a_reader_that_does_not_read(autojump_clock: MockClock) -> None:
    with VirtualNet(capacity=KIB).installed() as net:
        client, server = await pair(net)
        with trio.move_on_after(3600) as scope:
            await client.send_all(bytes(KIB + 1))
        assert scope.cancelled_caught
        assert len(await server.receive_some(10)) == 10
        await client.send_all(bytes(10))
        with trio.move_on_after(1) as scope:
            await client.wait_send_all_might_not_block()
        assert scope.cancelled_caught


@pytest.mark.parametrize("byte", [0, 1, 7, 10])
async def test_a_connection_is_reset_at_a_byte(
    byte: int, net: VirtualNet, autojump_clock: MockClock
) -> None:
    client, server = await pair(net)
    (connection,) = net.connections
    await server.send_all(b"lost if late")
    connection.reset_at(byte, to="server")
    with pytest.raises(trio.BrokenResourceError):
        await _send_each(client, b"0123456789!")
    with pytest.raises(trio.BrokenResourceError):
        await client.receive_some()
    received = [await server.receive_some() for _ in range(bool(byte))]
    with pytest.raises(trio.BrokenResourceError):
        await server.receive_some()
    assert b"".join(received) == b"0123456789!"[:byte]


async def _send_each(stream: trio.SocketStream, data: bytes) -> None:
    for number in data:
        await stream.send_all(bytes([number]))


async def test_a_reset_at_a_byte_that_has_passed_is_refused(net: VirtualNet) -> None:
    client, _server = await pair(net)
    await client.send_all(b"12345")
    (connection,) = net.connections
    with pytest.raises(ValueError, match="byte 3 has been sent to the server already: 5 bytes"):
        connection.reset_at(3, to="server")


async def test_a_connection_can_be_prepared_before_its_first_byte(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    def prepare(connection: Connection) -> None:
        connection.reset_at(3, to="client")

    with VirtualNet(on_connect=prepare).installed() as net:
        await serve(nursery, net, _greet)
        stream = await trio.open_tcp_stream("server", 80)
        assert await stream.receive_some() == b"hel"
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()


async def _greet(stream: trio.SocketStream) -> None:
    try:
        await stream.send_all(b"hello")
        await stream.send_all(b"hello")
    except trio.BrokenResourceError:
        await stream.aclose()


async def test_a_stalled_connection_delivers_when_it_resumes(
    net: VirtualNet, autojump_clock: MockClock
) -> None:
    client, server = await pair(net)
    (connection,) = net.connections
    connection.stall()
    await client.send_all(b"late")
    with trio.move_on_after(60) as scope:
        await server.receive_some()
    assert scope.cancelled_caught
    connection.resume()
    assert await server.receive_some() == b"late"


async def test_a_partition_holds_everything_until_it_heals(
    net: VirtualNet, autojump_clock: MockClock
) -> None:
    client, server = await pair(net)
    await client.send_all(b"before ")
    net.partition("client", "server")
    await client.send_all(b"during")
    assert await server.receive_some() == b"before "
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_heal_after, net, 30)
        assert await server.receive_some() == b"during"
        assert trio.current_time() == 30


async def _heal_after(net: VirtualNet, seconds: float) -> None:
    await trio.sleep(seconds)
    net.heal()


async def test_connecting_across_a_partition_waits_and_is_given_up_at_last(
    net: VirtualNet, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await serve(nursery, net, echo)
    net.partition("client", "server")
    nursery.start_soon(_heal_after, net, 30)
    with net.at("client"):
        await trio.open_tcp_stream("server", 80)
        assert trio.current_time() == 30
        net.partition("client", "server")
        with pytest.raises(OSError, match="all attempts to connect") as caught:
            await trio.open_tcp_stream("server", 80)
    assert trio.current_time() == 30 + 127
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    (cause,) = caught.value.__cause__.exceptions
    assert isinstance(cause, TimeoutError)


def test_a_task_that_is_slow_to_see_its_connection_is_connected() -> None:
    async def scenario() -> None:
        with VirtualNet(latency_s=0.01).installed() as net, net.at("client"):
            async with trio.open_nursery() as nursery:
                await serve(nursery, net, echo)
                async with await trio.open_tcp_stream("server", 80) as stream:
                    await stream.send_all(b"ping")
                    await stream.send_eof()
                    assert await read_all(stream) == b"ping"
                nursery.cancel_scope.cancel()

    assert find(scenario, faults=("slow",), rounds=300) is None


async def test_a_dead_address_is_passed_over_for_one_that_answers(
    net: VirtualNet, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    net.add_host("dead", "fd00::1")
    net.add_host("alive", "10.0.0.77")
    net.add_name("example.org", "fd00::1", "10.0.0.77")
    with net.at("alive"):
        await nursery.start(trio.serve_tcp, echo, 80)
    net.partition("client", "dead")
    with net.at("client"):
        stream = await trio.open_tcp_stream("example.org", 80)
    assert trio.current_time() == 0.25  # trio's delay before it tries the next address
    assert stream.socket.getpeername() == ("10.0.0.77", 80)


async def test_where_nobody_listens_a_connection_is_refused(net: VirtualNet) -> None:
    net.add_host("server")
    with pytest.raises(OSError, match="all attempts to connect") as caught:
        await trio.open_tcp_stream("server", 80)
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert isinstance(caught.value.__cause__.exceptions[0], ConnectionRefusedError)


async def test_unknown_names_and_addresses_are_said(net: VirtualNet) -> None:
    with pytest.raises(socket.gaierror, match="has no host 'nobody'"):
        await trio.open_tcp_stream("nobody", 80)
    with pytest.raises(OSError, match="all attempts to connect") as caught:
        await trio.open_tcp_stream("10.9.9.9", 80)
    assert "no host of the virtual network has address 10.9.9.9" in repr(caught.value.__cause__)


async def test_a_bound_port_is_taken_until_it_is_closed(net: VirtualNet) -> None:
    (listener,) = await trio.open_tcp_listeners(80, host="127.0.0.1")
    with pytest.raises(OSError, match="in use") as caught:
        await trio.open_tcp_listeners(80, host="127.0.0.1")
    assert caught.value.errno == errno.EADDRINUSE
    await listener.aclose()
    await trio.open_tcp_listeners(80, host="127.0.0.1")


async def test_a_closed_listener_resets_who_was_not_accepted(net: VirtualNet) -> None:
    (listener,) = await trio.open_tcp_listeners(80, host="127.0.0.1")
    stream = await trio.open_tcp_stream("127.0.0.1", 80)
    await listener.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    with pytest.raises(trio.ClosedResourceError):
        await listener.accept()


@pytest.mark.parametrize("operation", ["receive", "send", "accept"])
async def test_closing_a_socket_wakes_who_waits_for_it(
    operation: str, net: VirtualNet, nursery: trio.Nursery
) -> None:
    client, _server = await pair(net)
    (listener,) = await trio.open_tcp_listeners(81, host="127.0.0.1")

    operations: dict[str, Callable[[], Awaitable[object]]] = {
        "receive": client.receive_some,
        "send": partial(client.send_all, bytes(100 * KIB)),
        "accept": listener.accept,
    }

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await operations[operation]()

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    await client.aclose()
    await listener.aclose()


async def test_closing_with_unread_bytes_resets_as_a_kernel_does(net: VirtualNet) -> None:
    client, server = await pair(net)
    await client.send_all(b"unread")
    await server.send_all(b"answer")
    await server.aclose()
    assert await client.receive_some() == b"answer"
    with pytest.raises(trio.BrokenResourceError):
        await client.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await client.send_all(b"more")


async def test_two_tasks_cannot_receive_from_one_socket(
    net: VirtualNet, nursery: trio.Nursery
) -> None:
    client, _server = await pair(net)
    nursery.start_soon(client.receive_some)
    await wait_all_tasks_blocked()
    with pytest.raises(trio.BusyResourceError):
        await client.receive_some()
    nursery.cancel_scope.cancel()


async def test_only_open_connections_are_kept(net: VirtualNet) -> None:
    client, server = await pair(net)
    assert len(net.connections) == 1
    await client.aclose()
    assert len(net.connections) == 1
    await server.aclose()
    assert not net.connections


async def test_the_sockets_are_real_ones_again_after_the_block(autojump_clock: MockClock) -> None:
    with VirtualNet().installed():
        assert isinstance(trio.socket.socket(), VirtualSocket)
    with trio.socket.socket() as real:
        assert not isinstance(real, VirtualSocket)


async def _ask_and_read() -> None:
    """A client that takes an answer of several bytes for one segment."""
    with VirtualNet().installed() as net:
        async with trio.open_nursery() as nursery:
            await serve(nursery, net, echo)
            async with await trio.open_tcp_stream("server", 80) as stream:
                await stream.send_all(b"hello")
                answer = await stream.receive_some()
            nursery.cancel_scope.cancel()
        assert answer == b"hello"


async def _ask_and_read_on() -> None:
    """The same, mended."""
    with VirtualNet().installed() as net:
        async with trio.open_nursery() as nursery:
            await serve(nursery, net, echo)
            async with await trio.open_tcp_stream("server", 80) as stream:
                await stream.send_all(b"hello")
                await stream.send_eof()
                assert await read_all(stream) == b"hello"
            nursery.cancel_scope.cancel()


def test_a_program_that_counts_on_segments_is_found() -> None:
    finding = find(_ask_and_read, strategy="exhaustive", max_deviations=1)
    assert finding is not None
    assert isinstance(finding.exception, AssertionError)
    assert finding.deviations == 1
    assert find(_ask_and_read_on, rounds=100) is None


def test_connections_break_where_the_search_breaks_them() -> None:
    search = explore(_ask_and_read_on, rounds=200, faults=("broken",))
    assert search.finding is not None
    assert "broken" in search.finding.token or "socket" in str(search.finding)
