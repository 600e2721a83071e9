"""Streams of a finished run over connections that are cut after every possible byte."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import orjson
from attrs import define, field, frozen
from support.rough_client import CLOSE, HANDSHAKE, TEXT
from support.virtual_net import KIB, End, Network
from support.virtual_run import open_virtual_run

from glowback_trio import BacktestRequest, Event, Run, Stream

#: A run of 300 events, of some 200 bytes each.
EVENTS = 300
REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2022-01-01",
    end_date="2024-12-31",
    stream=Stream(metrics_every=0, progress_steps=295, trades=False),
)

# A server's close frame with 1000.
_CLOSE_FRAME = b"\x88\x02\x03\xe8"
_EVENTS = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
    b"Last-Event-ID: %d\r\nConnection: close\r\n\r\n"
)


@frozen
class Form:
    """One transport of streams: how a client requests, reads and resumes it.

    Attributes:
        request: Returns the request for the events after a cursor.
        messages: Returns the complete messages in a response that may be cut anywhere.
        of: Returns the message of an event.
        cursor: Returns the cursor after a message.
    """

    request: Callable[[Run, int], bytes]
    messages: Callable[[bytes], list[bytes]]
    of: Callable[[Event], bytes]
    cursor: Callable[[bytes], int]


def _request_websocket(run: Run, cursor: int) -> bytes:
    path = f"/backtests/{run.run_id}/stream?last_event_id={cursor}"
    return HANDSHAKE % (path.encode(), b"")


def _frames(answer: bytes) -> list[bytes]:
    """Return the messages of text frames, and check that nothing follows the close frame."""
    _head, _, data = answer.partition(b"\r\n\r\n")
    texts, at = [], 0
    while at + 4 <= len(data):
        opcode, size, start = data[at] & 0x0F, data[at + 1], at + 2
        if size == 126:
            size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
        at = start + size
        if at > len(data):
            break
        if opcode == CLOSE:
            assert data[at - size - 2 :] == _CLOSE_FRAME
            break
        assert opcode == TEXT
        texts.append(data[start:at])
    return texts


def _request_sse(run: Run, cursor: int) -> bytes:
    return _EVENTS % (f"/backtests/{run.run_id}/events".encode(), cursor)


def _sse_events(answer: bytes) -> list[bytes]:
    """Return the blocks, each an event that is complete with its blank line, across all chunks."""
    _head, _, body = answer.partition(b"\r\n\r\n")
    parts = []
    while body:
        size, line_end, body = body.partition(b"\r\n")
        if line_end:
            length = int(size, 16)
            parts.append(body[:length])
            body = body[length + 2 :]
    *blocks, _unfinished = b"".join(parts).split(b"\n\n")
    # The first block holds the delay before reconnecting, too.
    return [block.removeprefix(b"retry: 1000\n") for block in blocks]


def _sse_of(event: Event) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b" % (event.event_id, event.type.encode(), event.data)


FORMS = {
    "websocket": Form(
        request=_request_websocket,
        messages=_frames,
        of=lambda event: event.data,
        cursor=lambda message: int(orjson.loads(message)["event_id"]),
    ),
    "sse": Form(
        request=_request_sse,
        messages=_sse_events,
        of=_sse_of,
        cursor=lambda block: int(block[4 : block.index(b"\n")]),
    ),
}


Cut = Callable[[int, End], Awaitable[bytes]]


async def stop_after(size: int, end: End) -> bytes:
    """Read so many bytes, then close as a client does; the server may have sent more."""
    data = b""
    while len(data) < size and (more := await end.receive_some(size - len(data))):
        data += more
    end.close()
    return data


async def break_after(size: int, end: End) -> bytes:
    """Reset the connection once the server has written so many bytes."""
    pipe = end.incoming
    while len(pipe.data) < size and not pipe.ended:
        await pipe.changed.park()
    data = bytes(pipe.data)
    end.reset()
    return data


async def read_out(end: End) -> bytes:
    """Read a response to its end."""
    data = b""
    while not data.endswith(_CLOSE_FRAME) and (more := await end.receive_some()):
        data += more
    end.close()
    return data


#: Who cuts the connection, and its capacity in bytes by the size of the cut. For a write to break
#: in the middle of its bytes, the connection must have no room for the rest.
CUTS: dict[str, tuple[Cut, Callable[[int], int]]] = {
    "client leaves": (stop_after, lambda _size: 4 * KIB),
    "write breaks": (break_after, lambda size: max(size, 1)),
}


@define(eq=False)
class CutClient:
    """A client of one run, on a network where connections are cut.

    Attributes:
        network: The network on which the run is served.
        run: The run.
        form: The transport of the stream.
    """

    network: Network
    run: Run
    form: Form

    async def answer(
        self, cursor: int, read: Callable[[End], Awaitable[bytes]], capacity: int = 64 * KIB
    ) -> bytes:
        """Request the events after a cursor, and return what `read` gets of the response."""
        end = self.network.connect(capacity)
        await end.send_all(self.form.request(self.run, cursor))
        return await read(end)

    async def places(self) -> list[range]:
        """Return, for every cursor, the sizes of responses with one message and a part of the next.

        The first range begins at 0 bytes and the last one ends with the whole response. Together
        the ranges are all bytes after which the stream of a finished run can be cut.
        """
        places = []
        for cursor in range(self.run.status.event_count):
            whole = await self.answer(cursor, read_out)
            sizes = range(len(whole) + 1)
            one, two = (bisect_left(sizes, n, key=self._counter(whole)) for n in (1, 2))
            places.append(range(one if cursor else 0, two))
        return places

    def _counter(self, answer: bytes) -> Callable[[int], int]:
        return lambda size: len(self.form.messages(answer[:size]))

    async def follow(self, cut: str, size_at: Callable[[int], int]) -> Sequence[bytes]:
        """Read all messages to the end, over one connection after another.

        Args:
            cut: Key of `CUTS`: who cuts the connections.
            size_at: Returns after how many bytes the connection that began at a cursor is cut.
        """
        act, capacity = CUTS[cut]
        messages: list[bytes] = []
        while not self.run.finished or len(messages) < self.run.status.event_count:
            cursor = self.form.cursor(messages[-1]) if messages else 0
            size = size_at(cursor)
            messages += self.form.messages(
                await self.answer(cursor, partial(act, size), capacity(size))
            )
        return messages


@define(eq=False)
class Sweep:
    """Cuts at another place each time a client comes with the same cursor.

    Attributes:
        places: For every cursor, the sizes at which to cut.
    """

    places: Sequence[Sequence[int]]
    _left: list[list[int]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._left = [list(places) for places in self.places]

    @property
    def done(self) -> bool:
        """True if the stream has been cut at all places."""
        return not any(self._left)

    def size_at(self, cursor: int) -> int:
        """Return the next place; after all of them the last one, which lets a message through."""
        return self._left[cursor].pop() if self._left[cursor] else self.places[cursor][-1]


@asynccontextmanager
async def open_cut_client(form: str, request: BacktestRequest) -> AsyncIterator[CutClient]:
    """Submit a run, and open a client of it whose connections are cut."""
    async with open_virtual_run(request) as (network, run):
        yield CutClient(network, run, FORMS[form])
