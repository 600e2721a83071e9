"""The chat server of examples/chat, as it is, under the simulator.

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

from glowback_trio.testing.sim import find

SERVER = Path(__file__).parents[2] / "examples" / "chat" / "server.py"
CLIENTS = ("ada", "bob", "cy")
LINES = 3


class Party:
    """A room, three clients, and what each has heard."""

    def __init__(self) -> None:
        self.room = runpy.run_path(str(SERVER))["Room"]()
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


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_every_client_hears_a_part_without_gaps(strategy: str) -> None:
    faults = ("cancel", "slow", "broken")
    party = program(Party, Party.run, Party.check)
    finding = find(*party, strategy=strategy, faults=faults, rounds=150)
    assert finding is None, str(finding)
