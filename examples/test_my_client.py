"""A small client, tested in many orders of its tasks and with lost connections.

Copy this file into a project of your own, and run

    pip install 'glowback-trio[testing]'
    pytest -p glowback_trio.testing.plugin test_my_client.py

Nothing in it knows glowback_trio: `Server` and `Client` stand for your program. To see a finding,
let the client resume from 0 in place of `len(self.received)`: the report has a token, and
`pytest -p glowback_trio.testing.plugin NODE --sim-replay TOKEN` repeats that round alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio


class Server:
    """Keeps a list of events and sends them to whoever connects, from any number on."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self._news = trio.Event()

    def publish(self, event: str) -> None:
        """Add an event."""
        self.events.append(event)
        self._news.set()
        self._news = trio.Event()

    async def send_from(self, number: int, connection: trio.MemorySendChannel[str]) -> None:
        """Send the events from this number on, and those that come."""
        async with connection:
            while True:
                for event in self.events[number:]:
                    await connection.send(event)
                    number += 1
                if number == len(self.events):
                    await self._news.wait()


class Client:
    """Receives events, and resumes where it was when a connection is lost."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.received: list[str] = []
        self.is_connected = False

    async def follow(self) -> None:
        """Receive until cancelled."""
        while True:
            try:
                await self._receive()
            except* trio.BrokenResourceError:
                pass  # the connection is lost: take the next one

    async def _receive(self) -> None:
        sender, receiver = trio.open_memory_channel[str](1)
        async with trio.open_nursery() as nursery, receiver:
            nursery.start_soon(self._server.send_from, len(self.received), sender)
            self.is_connected = True
            try:
                async for event in receiver:
                    self.received.append(event)
            finally:
                self.is_connected = False


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    client = Client(server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.follow)
        yield client
        nursery.cancel_scope.cancel()
    # What must hold at the end of every round stands here, for a cancelled test ends early.
    assert not client.is_connected


@pytest.mark.simulated(rounds=200, strategy="pct", faults=["broken"])
async def test_no_event_is_lost_or_comes_twice(server: Server, client: Client) -> None:
    for event in ("a", "b", "c"):
        server.publish(event)
        await trio.lowlevel.checkpoint()
    await trio.sleep(1)  # of virtual time, in which whatever is still to come has come
    assert client.received == ["a", "b", "c"]


@pytest.mark.simulated(rounds=200, faults=["cancel"])
@pytest.mark.parametrize("count", [1, 3])
async def test_a_client_that_is_cancelled_leaves_nothing_behind(
    server: Server, client: Client, count: int
) -> None:
    for number in range(count):
        server.publish(str(number))
        await trio.sleep(0.1)
    assert len(client.received) == count
