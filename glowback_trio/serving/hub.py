"""Fan-out: one task that writes to all WebSockets that follow the same feed.

Waking a task for each follower and message costs ten times more than writing to its socket. So a
WebSocket can be handed over: the application names a feed and a cursor and is done. From then on
one loop writes framed bytes straight to every socket that takes them at once. A socket that does
not gets a task for itself, until it has caught up.

All messages of a feed can be read at any time. A follower is a cursor into it, so a slow follower
costs nothing and loses nothing. Messages are framed once per feed and cursor, not once per
follower, and all that have gathered go out in one write.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.border import Border
from glowback_trio.serving.ports import FollowerPort
from glowback_trio.serving.records import Load

__all__ = ["Feed", "Follower", "Hub", "frame_text"]

# After so many writes in a row other tasks get a turn: about two milliseconds.
WRITES_PER_TURN = 200
# Where the turn of the others took longer, the hub's next one does, too: else thousands of clients
# that leave at the end of a run would hold up the news of the end for the others.
_LONGEST_TURN_S = 0.02
# Reading and framing a chunk takes about as long as so many writes.
_WRITES_PER_CHUNK = 10

_NORMAL_CLOSURE = 1000
_TEXT = 0x81  # the opcode of text, on a frame that is a whole message
_SHORT, _MEDIUM = 126, 1 << 16


class Feed(Protocol):
    """Messages in one order, for many readers, each with its cursor. Hashed by identity."""

    def read(self, cursor: int) -> tuple[Sequence[bytes], int]:
        """Return some messages after a cursor, as UTF-8, and the cursor after them.

        A moderate number at once: they are framed and written together. The cursor may move without
        a message, past what this feed leaves out. Where it does not move, there is nothing to read
        for now, or it `needs_load`.
        """

    def needs_load(self, cursor: int) -> bool:
        """Return True if `read` finds nothing because the messages have left memory."""

    async def load(self, cursor: int) -> tuple[Sequence[bytes], int]:
        """Return what `read` does, after waiting for messages that have left memory."""

    def ended(self, cursor: int) -> bool:
        """Return True if nothing comes after this cursor, now or later."""

    def watch(self, ring: Callable[[], None]) -> Callable[[], None]:
        """Call `ring` whenever there is more to read, until the returned function is called."""

    @property
    def quiet(self) -> float:
        """Seconds without a message after which a follower is sent a heartbeat; inf: never."""

    def heartbeat(self, cursor: int) -> bytes:
        """Return the heartbeat for a follower at this cursor, as UTF-8."""


@define(eq=False)
class Follower:
    """One WebSocket's place in a feed.

    Attributes:
        feed: The feed that it follows.
        cursor: All messages up to here have been given to its WebSocket.
        websocket: Where it is written.
        nursery: Runs its task while it is behind, and while it is closed.
        busy: True while it has such a task.
        gone: True once it has left the hub.
        sent_at: When it was last sent something, on trio's clock.
    """

    feed: Feed
    cursor: int
    websocket: FollowerPort
    nursery: trio.Nursery
    busy: bool = False
    gone: bool = False
    sent_at: float = field(factory=trio.current_time)


@define(eq=False)
class _FollowedFeed:
    """The followers of one feed, the end of the watch on it, and when a heartbeat may be due."""

    unwatch: Callable[[], None]
    quiet_at: float
    followers: set[Follower] = field(factory=set)


@define(eq=False)
class Hub:
    """The actor that writes to all followers; `run` is its task.

    Attributes:
        load: Counts the messages that have been given to WebSockets.
    """

    load: Load = field(factory=Load)
    _followed: dict[Feed, _FollowedFeed] = field(factory=dict, init=False)
    #: Feeds with something to write, in the order in which they rang.
    _rung: dict[Feed, None] = field(factory=dict, init=False)
    _bell: trio.Event = field(factory=trio.Event, init=False)
    #: Writes since other tasks had a turn.
    _writes: int = field(default=0, init=False)
    #: Until when it has its turn in any case, on trio's clock.
    _turn_ends: float = field(default=-math.inf, init=False)

    def follow(self, follower: Follower) -> None:
        """Take over an accepted WebSocket, and write the first messages to it.

        Args:
            follower: The WebSocket, its feed and its cursor.
        """
        feed = follower.feed
        if feed not in self._followed:
            quiet_at = trio.current_time() + feed.quiet
            self._followed[feed] = _FollowedFeed(feed.watch(lambda: self._ring(feed)), quiet_at)
            self._bell.set()  # the task may have to wake earlier now
        self._followed[feed].followers.add(follower)
        with Border(partial(self._drop, follower)):
            self._give_first(follower)

    def _give_first(self, follower: Follower) -> None:
        """Write the first chunk at once; most followers have caught up then, without a task."""
        self._give(follower, {})
        _, after = follower.feed.read(follower.cursor)
        if not follower.busy and not follower.gone and after != follower.cursor:
            self._fall_behind(follower)

    def leave(self, follower: Follower) -> None:
        """Forget a WebSocket that ends. Idempotent."""
        if follower.gone:
            return
        follower.gone = True
        followed = self._followed[follower.feed]
        followed.followers.remove(follower)
        if not followed.followers:
            followed.unwatch()
            del self._followed[follower.feed]

    async def run(self) -> None:
        """Write until cancelled, which leaves every follower's cursor where its bytes are."""
        while True:
            with trio.move_on_at(self._next_heartbeat()):
                await self._bell.wait()
            self._bell = trio.Event()
            await self._beat()
            rung, self._rung = self._rung, {}
            for feed in rung:
                with Border(partial(self._give_up, feed)):
                    await self._serve(feed)

    def _ring(self, feed: Feed) -> None:
        self._rung[feed] = None
        self._bell.set()

    def _next_heartbeat(self) -> float:
        return min((followed.quiet_at for followed in self._followed.values()), default=math.inf)

    async def _beat(self) -> None:
        """Send a heartbeat to each follower that has been sent nothing for too long."""
        now = trio.current_time()
        for feed, followed in tuple(self._followed.items()):
            if followed.quiet_at <= now:
                with Border(partial(self._give_up, feed)):
                    await self._beat_feed(feed, followed, now)

    async def _beat_feed(self, feed: Feed, followed: _FollowedFeed, now: float) -> None:
        followed.quiet_at = now + feed.quiet
        for follower in tuple(followed.followers):
            if follower.busy or follower.gone:
                continue  # it is being written to, or the next round is soon enough
            if follower.sent_at + feed.quiet <= now:
                beat = _Chunk(frame_text(feed.heartbeat(follower.cursor)), 0, follower.cursor)
                self._write(follower, beat)
            followed.quiet_at = min(followed.quiet_at, follower.sent_at + feed.quiet)
            await self._take_turns()

    def _give_up(self, feed: Feed, error: BaseException) -> None:
        if (followed := self._followed.get(feed)) is not None:
            for follower in tuple(followed.followers):
                self._drop(follower, error)

    def _drop(self, follower: Follower, error: BaseException) -> None:
        try:
            follower.websocket.abort(error)
        finally:
            self.leave(follower)

    async def _serve(self, feed: Feed) -> None:
        """Write one chunk to each follower that is not busy."""
        if feed not in self._followed:
            return
        chunks: dict[int, _Chunk] = {}
        for follower in tuple(self._followed[feed].followers):
            if not follower.busy and not follower.gone:
                self._give(follower, chunks)
            await self._take_turns()
        if any(chunk.cursor != cursor for cursor, chunk in chunks.items()):
            self._ring(feed)  # perhaps there is another chunk; the next round reads it

    async def _take_turns(self) -> None:
        """Let other tasks have a turn after so many writes, to whichever feeds' followers."""
        self._writes += 1
        if self._writes < WRITES_PER_TURN:
            return
        self._writes = 0
        if (now := trio.current_time()) >= self._turn_ends:
            await trio.lowlevel.checkpoint()
            back = trio.current_time()
            self._turn_ends = back + min(back - now, _LONGEST_TURN_S)

    def _give(self, follower: Follower, chunks: dict[int, _Chunk]) -> None:
        if follower.cursor not in chunks:
            chunks[follower.cursor] = _chunk(follower.feed, follower.cursor)
            self._writes += _WRITES_PER_CHUNK
        self._write(follower, chunks[follower.cursor])

    def _write(self, follower: Follower, chunk: _Chunk) -> None:
        try:
            whole = not chunk.frames or follower.websocket.write_nowait(chunk.frames)
        except OSError:
            follower.websocket.abort()
            self.leave(follower)
            return
        self._count(follower, chunk)
        if not whole or chunk.missing:
            self._fall_behind(follower)
        elif chunk.ends:
            self._close(follower)

    def _close(self, follower: Follower) -> None:
        """Close a WebSocket after its last message: without a task, for all end at once."""
        if not follower.websocket.close_nowait(_NORMAL_CLOSURE, ""):
            self._fall_behind(follower)
        self.leave(follower)

    def _fall_behind(self, follower: Follower) -> None:
        follower.busy = True
        follower.nursery.start_soon(self._catch_up, follower)

    async def _catch_up(self, follower: Follower) -> None:
        """Be a follower's task while it is behind."""
        with Border(partial(self._drop, follower)):
            await self._write_rest(follower)

    async def _write_rest(self, follower: Follower) -> None:
        """Write to one follower until nothing is left to write, for now or for good."""
        good = await follower.websocket.write(b"")  # the rest of a write that could not wait
        while good and not follower.gone:
            chunk = _chunk(follower.feed, follower.cursor)
            if chunk.missing:
                chunk = _framed(*await follower.feed.load(follower.cursor))
            elif chunk.cursor == follower.cursor:
                break
            self._count(follower, chunk)
            good = await follower.websocket.write(chunk.frames)
        if follower.gone:
            return
        if not good:
            self.leave(follower)
        elif follower.feed.ended(follower.cursor):
            await follower.websocket.close(_NORMAL_CLOSURE, "")
            self.leave(follower)
        else:
            # No checkpoint since the last read: a ring in between would find the follower busy,
            # and its messages would wait for the next ring.
            follower.busy = False

    def _count(self, follower: Follower, chunk: _Chunk) -> None:
        follower.cursor = chunk.cursor
        self.load.messages += chunk.messages
        if chunk.frames:
            follower.sent_at = trio.current_time()


@define(eq=False)
class _Chunk:
    """Some messages of a feed, framed, and the cursor after them.

    Attributes:
        missing: There are messages, but they have left memory.
        ends: Nothing comes after this chunk.
    """

    frames: bytes
    messages: int
    cursor: int
    missing: bool = False
    ends: bool = False


def _chunk(feed: Feed, cursor: int) -> _Chunk:
    messages, after = feed.read(cursor)
    chunk = _framed(messages, after)
    # Found out once per chunk and not per follower, who may be thousands.
    chunk.missing = after == cursor and feed.needs_load(cursor)
    chunk.ends = feed.ended(after)
    return chunk


def _framed(messages: Sequence[bytes], after: int) -> _Chunk:
    return _Chunk(b"".join([frame_text(text) for text in messages]), len(messages), after)


def frame_text(text: bytes) -> bytes:
    """Return a text message as one frame of a server (RFC 6455, section 5.2).

    Args:
        text: The message as UTF-8. The frame is neither masked nor compressed.
    """
    size = len(text)
    if size < _SHORT:
        return b"%c%c%b" % (_TEXT, size, text)
    if size < _MEDIUM:
        return b"%c%c%b%b" % (_TEXT, 126, size.to_bytes(2, "big"), text)
    return b"%c%c%b%b" % (_TEXT, 127, size.to_bytes(8, "big"), text)
