"""The deadline on progress: a reader is cut when it stops, never because it is slow.

A socket pair gives the kernel's real queues; the clock is virtual.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.serving.progress_stream import ProgressStream

TIMEOUT_S = 30.0


async def test_a_reader_that_moves_without_making_room_is_waited_for(
    mock_clock: MockClock,
) -> None:
    """The kernel reports room only when much of its buffer is free, and that may take long."""
    ours, peer = socket.socketpair()
    stream = ProgressStream(trio.SocketStream(trio.socket.from_stdlib_socket(ours)), TIMEOUT_S)
    with peer:
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(send_until_cut, stream)
            for _ in range(3):
                await wait_all_tasks_blocked()
                assert peer.recv(1024)
                mock_clock.jump(TIMEOUT_S * 1.01)
                await wait_all_tasks_blocked()
                assert nursery.child_tasks
                assert stream.moved_at == trio.current_time()
            mock_clock.jump(TIMEOUT_S * 1.01)


async def send_until_cut(stream: ProgressStream) -> None:
    with pytest.raises(trio.BrokenResourceError, match="no byte moved for 30 seconds"):
        await send_for_ever(stream)


async def send_for_ever(stream: ProgressStream) -> None:
    while True:
        await stream.send_all(bytes(1024))


async def test_a_peer_that_has_taken_nothing_is_given_up_even_if_no_send_waits(
    mock_clock: MockClock,
) -> None:
    """The kernel would try for a quarter of an hour before it gives up."""
    async with connected() as (stream, _peer):
        while stream.send_nowait(bytes(65536)):
            pass
        for _ in range(2):
            mock_clock.jump(TIMEOUT_S * 0.6)
            assert stream.send_nowait(b"more") == 0
        mock_clock.jump(TIMEOUT_S * 0.6)
        with pytest.raises(TimeoutError, match="no byte moved for 30 seconds"):
            stream.send_nowait(b"more")


async def test_a_peer_that_has_taken_something_is_not_given_up(
    mock_clock: MockClock,
) -> None:
    async with connected() as (stream, peer):
        for _ in range(3):
            while stream.send_nowait(bytes(65536)):
                pass
            mock_clock.jump(TIMEOUT_S * 0.9)
            await drained(stream, peer)
        mock_clock.jump(TIMEOUT_S * 0.9)
        assert stream.send_nowait(b"more") == 4


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[ProgressStream, trio.SocketStream]]:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        client = await trio.open_tcp_stream(*listener.socket.getsockname())
        async with client, await listener.accept() as peer:
            yield ProgressStream(client, TIMEOUT_S), peer


async def drained(stream: ProgressStream, peer: trio.SocketStream) -> None:
    """Read until there is room again."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_on, peer)
        await stream.wait_send_all_might_not_block()
        nursery.cancel_scope.cancel()


async def read_on(peer: trio.SocketStream) -> None:
    while True:
        await peer.receive_some()
