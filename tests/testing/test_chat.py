"""The chat server of examples/chat, as it is, under the simulator and on a virtual network.

Rule: a client hears what each other client says in order, without gap or repetition, from when it
has joined until it goes or is dropped; and whatever the order of tasks, whoever is cancelled or
held back and whichever connection breaks, nobody stays in the room who has gone.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import trio
import trio.testing
from testing.planted.case import program
from trio.testing import MockClock

from glowback_trio.testing.sim import find
from glowback_trio.testing.sim.net import VirtualNet

SERVER = Path(__file__).parents[2] / "examples" / "chat" / "server.py"
CLIENTS = ("ada", "bob", "cy")
LINES = 3


class Party:
    """A room, three clients, and what each has heard."""

    def __init__(self) -> None:
        self.program = runpy.run_path(str(SERVER))
        self.room = self.program["Room"]()
        self.heard: dict[str, bytes] = dict.fromkeys(CLIENTS, b"")

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for name in CLIENTS:
                nursery.start_soon(self._client, name)

    async def _client(self, name: str) -> None:
        ours, theirs = trio.testing.memory_stream_pair()
        try:
            async with ours, trio.open_nursery() as nursery:
                nursery.start_soon(self.room.serve, theirs)
                nursery.start_soon(self._listen, name, ours)
                nursery.start_soon(self._speak, name, ours)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # one end was made to fail

    async def run_on_network(self) -> None:
        with VirtualNet().installed():
            async with trio.open_nursery() as server:
                server.start_soon(self.program["main"], 4000)
                await trio.testing.wait_all_tasks_blocked()
                async with trio.open_nursery() as nursery:
                    for name in CLIENTS:
                        nursery.start_soon(self._call, name)
                server.cancel_scope.cancel()

    async def _call(self, name: str) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", 4000)
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, name, stream)
            nursery.start_soon(self._speak, name, stream)

    async def _listen(self, name: str, stream: trio.abc.Stream) -> None:
        async for chunk in stream:
            self.heard[name] += chunk

    async def _speak(self, name: str, stream: trio.abc.HalfCloseableStream) -> None:
        await stream.send_all(f"{name}\n".encode())
        for number in range(LINES):
            await trio.sleep(1)
            await stream.send_all(f"{number}\n".encode())
        await trio.sleep(1)
        await stream.send_eof()

    def check(self) -> None:
        assert self.room.members == {}
        for listener, text in self.heard.items():
            for speaker in CLIENTS:
                said = re.findall(rf"^{speaker}: (\d)$", text.decode(), re.MULTILINE)
                first = int(said[0]) if said else 0
                assert said == [str(first + n) for n in range(len(said))], (listener, said)


async def test_by_default_everybody_hears_everything(autojump_clock: MockClock) -> None:
    party = Party()
    await party.run_on_network()
    assert [text.count(b": ") for text in party.heard.values()] == [2 * LINES] * 3


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_every_client_hears_a_part_without_gaps(strategy: str) -> None:
    faults = ("cancel", "slow", "broken")
    party = program(Party, Party.run, Party.check)
    finding = find(*party, strategy=strategy, faults=faults, rounds=150)
    assert finding is None, str(finding)


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_the_whole_server_does_so_on_a_network(strategy: str) -> None:
    party = program(Party, Party.run_on_network, Party.check)
    finding = find(*party, strategy=strategy, faults=("cancel", "slow"), rounds=60)
    assert finding is None, str(finding)
