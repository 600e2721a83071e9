"""Fan-out: one task that writes to everybody who follows the same feed.

Waking a task for each follower and message costs ten times more than writing to its socket. So a
WebSocket can be handed over: the application names a feed and a cursor and is done. From then on
one loop writes pre-framed bytes straight to every socket that takes them at once, and gives only
those that do not to a task of their own, until they have caught up.

A feed is finite or endless, but always there: a follower is a cursor into it, so being slow costs
nothing and loses nothing. Messages are framed once per feed and cursor, not once per follower, and
whatever has gathered goes out in one write.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.serving.ports import FollowerPort
from glowback_trio.serving.records import Load

__all__ = ["Feed", "Follower", "Hub", "frame_text"]

# After so many writes in a row the others get a turn: about two milliseconds.
WRITES_PER_TURN = 200

_NORMAL_CLOSURE = 1000
_TEXT = 0x81  # the opcode of text, on a frame that is a whole message
_SHORT, _MEDIUM = 126, 1 << 16


class Feed(Protocol):
    """Messages in one order, for many readers with cursors of their own. Hashed by identity."""

    def read(self, cursor: int) -> tuple[Sequence[bytes], int]:
        """Messages after a cursor, as UTF-8, a moderate number at once; and the cursor after them.

        The cursor may move without a message, over what this feed leaves out. Where it does not
        move, there is nothing to read for now.
        """

    def ended(self, cursor: int) -> bool:
        """Whether there is nothing after this cursor, now or later."""

    def watch(self, ring: Callable[[], None]) -> Callable[[], None]:
        """Have `ring` called whenever there is more to read; returns what ends that."""

    @property
    def quiet(self) -> float:
        """Seconds without a message after which a follower is sent a heartbeat; inf for never."""

    def heartbeat(self, cursor: int) -> bytes:
        """What a follower whose cursor stands here is sent when it has been quiet for so long."""


@define(eq=False)
class Follower:
    """One WebSocket's place in a feed.

    Attributes:
        feed: What it follows.
        cursor: Everything up to here has been given to its WebSocket.
        websocket: Where it is written.
        nursery: Where its own task runs while it is behind, and when it says goodbye.
        busy: It has a task of its own at the moment.
        gone: It has left the hub.
        told_at: When it was last sent something, on trio's clock.
    """

    feed: Feed
    cursor: int
    websocket: FollowerPort
    nursery: trio.Nursery
    busy: bool = False
    gone: bool = False
    told_at: float = field(factory=trio.current_time)


@define(eq=False)
class _Crowd:
    """All who follow one feed, what ends the watch on it, and when somebody may be too quiet."""

    unwatch: Callable[[], None]
    quiet_at: float
    followers: set[Follower] = field(factory=set)


@define(eq=False)
class Hub:
    """The actor that writes to all followers; `run` is its task.

    Attributes:
        load: Where the messages are counted that have been given to WebSockets.
    """

    load: Load = field(factory=Load)
    _crowds: dict[Feed, _Crowd] = field(factory=dict, init=False)
    #: Feeds with something to write, in the order in which they rang.
    _rung: dict[Feed, None] = field(factory=dict, init=False)
    _bell: trio.Event = field(factory=trio.Event, init=False)

    def follow(self, follower: Follower) -> None:
        """Take over a WebSocket whose handshake is done, and give it the first there is."""
        feed = follower.feed
        if feed not in self._crowds:
            quiet_at = trio.current_time() + feed.quiet
            self._crowds[feed] = _Crowd(feed.watch(lambda: self._ring(feed)), quiet_at)
            self._bell.set()  # the task may have to wake earlier now
        self._crowds[feed].followers.add(follower)
        try:
            self._greet(follower)
        except Exception as error:  # noqa: BLE001 - a feed's fault is its followers' end only
            follower.websocket.abort(error)
            self.leave(follower)

    def _greet(self, follower: Follower) -> None:
        """Most who come are told all there is in one write, which takes no task."""
        self._give(follower, {})
        _, after = follower.feed.read(follower.cursor)
        if not follower.busy and not follower.gone and after != follower.cursor:
            self._fall_behind(follower)

    def leave(self, follower: Follower) -> None:
        """Let go of a WebSocket that ends. Idempotent."""
        if follower.gone:
            return
        follower.gone = True
        crowd = self._crowds[follower.feed]
        crowd.followers.remove(follower)
        if not crowd.followers:
            crowd.unwatch()
            del self._crowds[follower.feed]

    async def run(self) -> None:
        """Write until cancelled, which leaves every follower's cursor where its bytes are."""
        while True:
            with trio.move_on_at(self._next_heartbeat()):
                await self._bell.wait()
            self._bell = trio.Event()
            self._beat()
            rung, self._rung = self._rung, {}
            for feed in rung:
                try:
                    await self._serve(feed)
                except Exception as error:  # noqa: BLE001 - a feed's fault is its followers' end only
                    self._give_up(feed, error)

    def _ring(self, feed: Feed) -> None:
        self._rung[feed] = None
        self._bell.set()

    def _next_heartbeat(self) -> float:
        return min((crowd.quiet_at for crowd in self._crowds.values()), default=math.inf)

    def _beat(self) -> None:
        """Send a heartbeat to everybody who has not been told anything for too long."""
        now = trio.current_time()
        for feed, crowd in tuple(self._crowds.items()):
            if crowd.quiet_at > now:
                continue
            crowd.quiet_at = now + feed.quiet
            for follower in tuple(crowd.followers):
                if follower.busy:
                    continue  # it has something to read, or the next round is soon enough
                if follower.told_at + feed.quiet <= now:
                    beat = _Chunk(frame_text(feed.heartbeat(follower.cursor)), 0, follower.cursor)
                    self._write(follower, beat)
                crowd.quiet_at = min(crowd.quiet_at, follower.told_at + feed.quiet)

    def _give_up(self, feed: Feed, error: BaseException) -> None:
        for follower in tuple(self._crowds[feed].followers):
            follower.websocket.abort(error)
            self.leave(follower)

    async def _serve(self, feed: Feed) -> None:
        """Give everybody who is not busy what there is, one chunk each."""
        if feed not in self._crowds:
            return
        chunks: dict[int, _Chunk] = {}
        for count, follower in enumerate(tuple(self._crowds[feed].followers), start=1):
            if not follower.busy and not follower.gone:
                self._give(follower, chunks)
            if count % WRITES_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        if any(chunk.cursor != cursor for cursor, chunk in chunks.items()):
            self._ring(feed)  # perhaps there is another chunk; the next round finds out

    def _give(self, follower: Follower, chunks: dict[int, _Chunk]) -> None:
        if follower.cursor not in chunks:
            chunks[follower.cursor] = _chunk(follower.feed, follower.cursor)
        self._write(follower, chunks[follower.cursor])

    def _write(self, follower: Follower, chunk: _Chunk) -> None:
        try:
            whole = not chunk.frames or follower.websocket.write_nowait(chunk.frames)
        except OSError:
            follower.websocket.abort()
            self.leave(follower)
            return
        self._count(follower, chunk)
        if not whole or follower.feed.ended(follower.cursor):
            self._fall_behind(follower)

    def _fall_behind(self, follower: Follower) -> None:
        follower.busy = True
        follower.nursery.start_soon(self._catch_up, follower)

    async def _catch_up(self, follower: Follower) -> None:
        """Write to one follower until nothing is left to write, for now or for good."""
        good = await follower.websocket.write(b"")  # what a write that could not wait left over
        while good and not follower.gone:
            chunk = _chunk(follower.feed, follower.cursor)
            if chunk.cursor == follower.cursor:
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
            follower.busy = False

    def _count(self, follower: Follower, chunk: _Chunk) -> None:
        follower.cursor = chunk.cursor
        self.load.messages += chunk.messages
        if chunk.frames:
            follower.told_at = trio.current_time()


@define(eq=False)
class _Chunk:
    """Some messages of a feed, framed, and the cursor after them."""

    frames: bytes
    messages: int
    cursor: int


def _chunk(feed: Feed, cursor: int) -> _Chunk:
    messages, after = feed.read(cursor)
    return _Chunk(b"".join([frame_text(text) for text in messages]), len(messages), after)


def frame_text(text: bytes) -> bytes:
    """A whole text message as a server's frame: unmasked, uncompressed (RFC 6455, section 5.2)."""
    size = len(text)
    if size < _SHORT:
        return b"%c%c%b" % (_TEXT, size, text)
    if size < _MEDIUM:
        return b"%c%c%b%b" % (_TEXT, 126, size.to_bytes(2, "big"), text)
    return b"%c%c%b%b" % (_TEXT, 127, size.to_bytes(8, "big"), text)
