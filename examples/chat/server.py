"""A chat over TCP: one line is one message, which everybody else in the room receives.

    python examples/chat/server.py [PORT]

The first line of a client is its name. A client that does not read is dropped when eight messages
wait for it. tests/testing/test_chat.py tests this program, which knows nothing of that.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing

import trio

PORT = 4000
PATIENCE = 8


class Room:
    """Who is there, and the messages that wait for each."""

    def __init__(self) -> None:
        self.members: dict[str, trio.MemorySendChannel[bytes]] = {}

    def say(self, text: str, speaker: str) -> None:
        """Put a message into everybody else's queue, and drop whoever does not read."""
        for name, queue in list(self.members.items()):
            try:
                if name != speaker:
                    queue.send_nowait(f"{text}\n".encode())
            except (trio.WouldBlock, trio.BrokenResourceError):
                del self.members[name]
                queue.close()

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Talk to one client until it goes."""
        try:
            async with stream, aclosing(read_lines(stream)) as lines:
                name = await anext(lines, "")
                if name and name not in self.members:
                    await self.join(name, lines, stream)
                else:
                    await stream.send_all(b"choose another name\n")
        except* trio.BrokenResourceError:
            pass  # the client has gone without a good-bye

    async def join(
        self, name: str, lines: AsyncGenerator[str, None], stream: trio.abc.Stream
    ) -> None:
        """Let a client that has a name take part."""
        queue, messages = trio.open_memory_channel[bytes](PATIENCE)
        self.members[name] = queue
        try:
            self.say(f"* {name} is here", name)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write, messages, stream, nursery.cancel_scope)
                async for line in lines:
                    self.say(f"{name}: {line}", name)
                nursery.cancel_scope.cancel()
        finally:
            if self.members.get(name) is queue:
                del self.members[name]
            self.say(f"* {name} has gone", name)


async def write(
    messages: trio.MemoryReceiveChannel[bytes], stream: trio.abc.Stream, scope: trio.CancelScope
) -> None:
    """Send a client what waits for it, until it is dropped."""
    async for message in messages:
        await stream.send_all(message)
    scope.cancel()


async def read_lines(stream: trio.abc.ReceiveStream) -> AsyncGenerator[str, None]:
    """Yield the lines of a stream."""
    rest = b""
    async for chunk in stream:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").strip()


async def main(port: int = PORT) -> None:
    """Serve one room."""
    await trio.serve_tcp(Room().serve, port, host="127.0.0.1")


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else PORT)
