"""Accepting goes on, whatever the system is out of, and says so in few words.

Rule: the listener fails by a script, on a virtual clock; every failure that passes is followed by a
connection that is served.
"""

from __future__ import annotations

import errno
from collections import deque

import pytest
import trio
import trio.testing

from glowback_trio.errors import ResourceError
from glowback_trio.serving.accepting import Acceptor
from glowback_trio.serving.records import FaultRecord, Record

CAPACITY = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]


class Scripted(trio.abc.Listener[trio.abc.Stream]):
    """A listener that raises what it is given, then accepts one stream, then waits."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = deque(failures)
        self.accepted = 0
        self.closed = False

    async def accept(self) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if self.failures:
            raise self.failures.popleft()
        if self.accepted:
            await trio.sleep_forever()
        self.accepted += 1
        return trio.testing.memory_stream_pair()[0]

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


async def accept_one(listener: Scripted) -> list[Record]:
    """Accept until one stream has been served, and return what was logged."""
    records: list[Record] = []
    served = trio.Event()

    async def handle(_stream: trio.abc.Stream) -> None:
        served.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Acceptor(listener, handle, nursery, records.append).run)
        await served.wait()
        nursery.cancel_scope.cancel()
    return records


@pytest.mark.parametrize("number", CAPACITY)
async def test_an_accept_that_fails_for_want_of_something_is_tried_again(
    number: int, autojump_clock: trio.testing.MockClock
) -> None:
    listener = Scripted(OSError(number, "x"))
    (record,) = await accept_one(listener)
    assert isinstance(record, FaultRecord)
    assert record.where == "accept"
    assert isinstance(record.error, ResourceError)
    assert trio.current_time() == pytest.approx(0.1)
    assert listener.closed


async def test_memory_may_be_short_too(autojump_clock: trio.testing.MockClock) -> None:
    assert len(await accept_one(Scripted(MemoryError()))) == 1


async def test_a_long_shortage_is_a_line_every_ten_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    records = await accept_one(Scripted(*[OSError(errno.EMFILE, "x")] * 250))
    assert len(records) == 3
    assert trio.current_time() == pytest.approx(25)


async def test_a_listener_that_is_broken_ends_the_server() -> None:
    with pytest.RaisesGroup(OSError):
        await accept_one(Scripted(OSError(errno.EBADF, "x")))
