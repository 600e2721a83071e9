"""Streams of a finished run over connections that are cut after so many bytes of the answer."""

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
ASKED = BacktestRequest(
    symbols=["AAPL"],
    start_date="2022-01-01",
    end_date="2024-12-31",
    stream=Stream(metrics_every=0, progress_steps=295, trades=False),
)

# A server's close frame with 1000.
_GOODBYE = b"\x88\x02\x03\xe8"
_EVENTS = (
    b"GET %s HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n"
    b"Last-Event-ID: %d\r\nConnection: close\r\n\r\n"
)


@frozen
class Form:
    """One way of streaming, as a client of it asks, reads and comes back.

    Attributes:
        ask: The request for what comes after a cursor.
        whole: The messages in an answer that may stop anywhere; the rest of one does not count.
        of: The message of an event.
        cursor: Where to go on after a message.
    """

    ask: Callable[[Run, int], bytes]
    whole: Callable[[bytes], list[bytes]]
    of: Callable[[Event], bytes]
    cursor: Callable[[bytes], int]


def _ask_websocket(run: Run, cursor: int) -> bytes:
    path = f"/backtests/{run.run_id}/stream?last_event_id={cursor}"
    return HANDSHAKE % (path.encode(), b"")


def _frames(answer: bytes) -> list[bytes]:
    """Messages of text frames; after the close frame there must be nothing."""
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
            assert data[at - size - 2 :] == _GOODBYE
            break
        assert opcode == TEXT
        texts.append(data[start:at])
    return texts


def _ask_sse(run: Run, cursor: int) -> bytes:
    return _EVENTS % (f"/backtests/{run.run_id}/events".encode(), cursor)


def _sse_events(answer: bytes) -> list[bytes]:
    """Blocks with an id; a block counts from its blank line on, however the body was cut up."""
    _head, _, body = answer.partition(b"\r\n\r\n")
    parts = []
    while body:
        size, line_end, body = body.partition(b"\r\n")
        if line_end:
            length = int(size, 16)
            parts.append(body[:length])
            body = body[length + 2 :]
    *blocks, _unfinished = b"".join(parts).split(b"\n\n")
    return [block for block in blocks if block.startswith(b"id: ")]


def _sse_of(event: Event) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b" % (event.event_id, event.type.encode(), event.data)


FORMS = {
    "websocket": Form(
        ask=_ask_websocket,
        whole=_frames,
        of=lambda event: event.data,
        cursor=lambda message: int(orjson.loads(message)["event_id"]),
    ),
    "sse": Form(
        ask=_ask_sse,
        whole=_sse_events,
        of=_sse_of,
        cursor=lambda block: int(block[4 : block.index(b"\n")]),
    ),
}


Cut = Callable[[int, End], Awaitable[bytes]]


async def stop_after(size: int, end: End) -> bytes:
    """Read so many bytes as a client that leaves then; the server may have sent more."""
    data = b""
    while len(data) < size and (more := await end.receive_some(size - len(data))):
        data += more
    end.close()
    return data


async def break_after(size: int, end: End) -> bytes:
    """Reset a connection that takes so many bytes when the server has written them."""
    pipe = end.incoming
    while len(pipe.data) < size and not pipe.ended:
        await pipe.changed.park()
    data = bytes(pipe.data)
    end.reset()
    return data


async def read_out(end: End) -> bytes:
    """Read an answer to its end."""
    data = b""
    while not data.endswith(_GOODBYE) and (more := await end.receive_some()):
        data += more
    end.close()
    return data


#: Who cuts, and how many bytes the connection takes while nobody reads them: a server whose write
#: breaks in the middle of its bytes must have had no room for the others.
CUTS: dict[str, tuple[Cut, Callable[[int], int]]] = {
    "client leaves": (stop_after, lambda _size: 4 * KIB),
    "write breaks": (break_after, lambda size: max(size, 1)),
}


@define(eq=False)
class CutClient:
    """A client of one run, on a network where connections are cut.

    Attributes:
        network: Where the run is served.
        run: The run.
        form: How it is streamed.
    """

    network: Network
    run: Run
    form: Form

    async def answer(
        self, cursor: int, read: Callable[[End], Awaitable[bytes]], capacity: int = 64 * KIB
    ) -> bytes:
        """What `read` gets of the answer to the request for what comes after a cursor."""
        end = self.network.connect(capacity)
        await end.send_all(self.form.ask(self.run, cursor))
        return await read(end)

    async def places(self) -> list[range]:
        """For every cursor, the sizes of an answer that hold one message and a part of another.

        The first range begins at no bytes at all, the last one ends with the whole answer; so the
        ranges together are every byte after which the stream of a finished run can be cut.
        """
        places = []
        for cursor in range(self.run.status.event_count):
            whole = await self.answer(cursor, read_out)
            sizes = range(len(whole) + 1)
            one, two = (bisect_left(sizes, n, key=self._counter(whole)) for n in (1, 2))
            places.append(range(one if cursor else 0, two))
        return places

    def _counter(self, answer: bytes) -> Callable[[int], int]:
        return lambda size: len(self.form.whole(answer[:size]))

    async def follow(self, cut: str, size_at: Callable[[int], int]) -> Sequence[bytes]:
        """All messages up to the end, over one connection after another.

        Args:
            cut: Who cuts.
            size_at: After how many bytes the connection is cut that began at a cursor.
        """
        act, capacity = CUTS[cut]
        told: list[bytes] = []
        while not self.run.finished or len(told) < self.run.status.event_count:
            cursor = self.form.cursor(told[-1]) if told else 0
            size = size_at(cursor)
            told += self.form.whole(await self.answer(cursor, partial(act, size), capacity(size)))
        return told


@define(eq=False)
class Sweep:
    """Cuts at other places whenever a client comes by with the same cursor.

    Attributes:
        places: For every cursor, the places that are to be visited.
    """

    places: Sequence[Sequence[int]]
    _left: list[list[int]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._left = [list(places) for places in self.places]

    @property
    def done(self) -> bool:
        """Whether all places have been visited."""
        return not any(self._left)

    def size_at(self, cursor: int) -> int:
        """The next place; after all of them the last one again, which lets a message through."""
        return self._left[cursor].pop() if self._left[cursor] else self.places[cursor][-1]


@asynccontextmanager
async def open_cut_client(form: str, asked: BacktestRequest) -> AsyncIterator[CutClient]:
    """Submit a run and serve it to a client whose connections are cut."""
    async with open_virtual_run(asked) as (network, run):
        yield CutClient(network, run, FORMS[form])
