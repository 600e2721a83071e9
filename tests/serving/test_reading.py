"""How readers of the kernel's sockets wait: nothing that has come is missed, no deadline either.

The kernel reports once what comes, so whatever a report stands for must be remembered. The sockets
are real, the clock is not.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.serving.progress_stream import RECEIVE_BYTES
from glowback_trio.serving.reading.socket_reader import (
    Readiness,
    SocketReader,
    open_readiness,
)

INF = float("inf")


@asynccontextmanager
async def reading() -> AsyncIterator[tuple[SocketReader, socket.socket, Readiness]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with open_readiness() as readiness, closing(ours), closing(theirs):
        if readiness is None:
            pytest.skip("this system has no epoll")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(readiness.run)
            reader = SocketReader(readiness, ours.fileno())
            yield reader, theirs, readiness
            reader.close()
            nursery.cancel_scope.cancel()


async def test_what_has_come_before_the_wait_is_read() -> None:
    async with reading() as (reader, peer, _):
        peer.send(b"early")
        assert await reader.wait(INF, saturated=False) == b"early"


async def test_an_end_that_came_with_the_data_is_read_after_it() -> None:
    async with reading() as (reader, peer, _):
        peer.send(b"last")
        peer.close()
        assert [await reader.wait(INF, saturated=False) for _ in range(3)] == [b"last", b"", b""]


async def test_more_than_one_read_takes_is_read_by_the_next() -> None:
    async with reading() as (reader, peer, _):
        peer.settimeout(0)
        sent = peer.send(bytes(2 * RECEIVE_BYTES))
        got = 0
        while got < sent:
            data = await reader.wait(INF, saturated=False)
            assert data
            got += len(data)


async def test_a_deadline_ends_the_wait(autojump_clock: MockClock) -> None:
    del autojump_clock
    async with reading() as (reader, _, _):
        began = trio.current_time()
        assert await reader.wait(began + 5, saturated=False) is None
        assert trio.current_time() - began == pytest.approx(5)


@pytest.mark.parametrize("moved_to", [2.0, 9.0])
async def test_a_deadline_can_be_moved_while_the_reader_waits(
    autojump_clock: MockClock, moved_to: float
) -> None:
    del autojump_clock
    began = trio.current_time()

    async def move() -> None:
        await wait_all_tasks_blocked()
        reader.wait_until(began + moved_to)

    async with reading() as (reader, _, _), trio.open_nursery() as nursery:
        nursery.start_soon(move)
        assert await reader.wait(began + 5, saturated=False) is None
        assert trio.current_time() - began == pytest.approx(moved_to)


async def test_bytes_that_never_cease_to_come_do_not_outlast_a_deadline(
    mock_clock: MockClock,
) -> None:
    async with reading() as (reader, peer, _):
        deadline = trio.current_time() + 5
        peer.send(b"x")
        assert await reader.wait(deadline, saturated=False) == b"x"
        mock_clock.jump(6)
        peer.send(b"x")
        assert await reader.wait(deadline, saturated=False) is None


async def test_a_saturated_reader_reads_nothing_until_it_is_woken() -> None:
    async with reading() as (reader, peer, _), trio.open_nursery() as nursery:
        peer.send(b"kept back")

        async def wake() -> None:
            await wait_all_tasks_blocked()
            reader.wake()

        nursery.start_soon(wake)
        assert await reader.wait(INF, saturated=True) is None
        assert await reader.wait(INF, saturated=False) == b"kept back"


async def test_a_cancelled_wait_loses_nothing() -> None:
    async with reading() as (reader, peer, _):
        with trio.CancelScope() as scope:
            scope.cancel()
            await reader.wait(INF, saturated=False)
        peer.send(b"later")
        assert await reader.wait(INF, saturated=False) == b"later"


async def test_deadlines_of_readers_that_have_ended_take_no_room() -> None:
    ours, theirs = socket.socketpair()
    with open_readiness() as readiness, closing(ours), closing(theirs):
        if readiness is None:
            pytest.skip("this system has no epoll")
        for _ in range(5000):
            reader = SocketReader(readiness, ours.fileno())
            readiness.set_alarm(reader, trio.current_time() + 60)
            reader.close()
        assert readiness.alarms < 2000
