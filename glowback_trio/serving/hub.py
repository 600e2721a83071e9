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

from collections.abc import Callable, Sequence
from typing import Protocol

import trio
from attrs import define, field

__all__ = ["Feed", "Follower", "Hub", "Link", "frame_text"]

# After so many writes in a row the others get a turn: about two milliseconds.
WRITES_PER_TURN = 200

_TEXT = 0x81  # the opcode of text, on a frame that is a whole message
_SHORT, _MEDIUM = 126, 1 << 16


class Feed(Protocol):
    """Messages in one order, for many readers with cursors of their own."""

    def read(self, cursor: int) -> tuple[Sequence[bytes], int]:
        """Messages after a cursor, as UTF-8, a moderate number at once; and the cursor after them.

        The cursor may move without a message, over what this feed leaves out.
        """

    def ended(self, cursor: int) -> bool:
        """Whether there is nothing after this cursor, now or later."""

    def watch(self, ring: Callable[[], None]) -> Callable[[], None]:
        """Have `ring` called whenever there is more to read; returns what ends that."""


class Link(Protocol):
    """One WebSocket's way out, as the hub sees it."""

    def write_nowait(self, data: bytes | memoryview) -> int:
        """Write what goes at once and return how much; 0 where writing would have to wait.

        Raises:
            OSError: The peer is gone.
        """

    async def write(self, data: bytes | memoryview) -> bool:
        """Write all of it, waiting for the peer; whether the link is still good."""

    async def close(self, code: int) -> None:
        """Say goodbye."""

    def abort(self) -> None:
        """End at once."""


@define(eq=False)
class Follower:
    """One WebSocket's place in a feed.

    Attributes:
        feed: What it follows.
        cursor: Everything up to here has been given to its link.
        link: Its way out.
        nursery: Where its own task runs while it is behind, and when it says goodbye.
        behind: It has a task of its own at the moment.
    """

    feed: Feed
    cursor: int
    link: Link
    nursery: trio.Nursery
    behind: bool = True


@define(eq=False)
class _Crowd:
    """All who follow one feed, and what ends the watch on it."""

    followers: set[Follower] = field(factory=set)
    unwatch: Callable[[], None] | None = None


@define(eq=False)
class Hub:
    """The actor that writes to all followers. `run` is its task."""

    _crowds: dict[Feed, _Crowd] = field(factory=dict, init=False)
    #: Feeds with something to write, in the order in which they rang.
    _rung: dict[Feed, None] = field(factory=dict, init=False)
    _bell: trio.Event = field(factory=trio.Event, init=False)

    def follow(self, follower: Follower) -> None:
        """Take over a WebSocket whose handshake is done; it begins by catching up."""
        feed = follower.feed
        crowd = self._crowds.setdefault(feed, _Crowd())
        crowd.followers.add(follower)
        if crowd.unwatch is None:
            crowd.unwatch = feed.watch(lambda: self._ring(feed))
        follower.nursery.start_soon(self._catch_up, follower)

    def leave(self, follower: Follower) -> None:
        """Let go of a WebSocket that has ended. Idempotent."""
        crowd = self._crowds.get(follower.feed)
        if crowd is None or follower not in crowd.followers:
            return
        crowd.followers.remove(follower)
        if not crowd.followers and crowd.unwatch is not None:
            crowd.unwatch()
            del self._crowds[follower.feed]

    async def run(self) -> None:
        """Write until cancelled, which leaves every follower's cursor where its bytes are."""
        while True:
            await self._bell.wait()
            self._bell = trio.Event()
            rung, self._rung = self._rung, {}
            for feed in rung:
                await self._serve(feed)

    def _ring(self, feed: Feed) -> None:
        self._rung[feed] = None
        self._bell.set()

    async def _serve(self, feed: Feed) -> None:
        """Give everybody who is not behind what there is, one chunk each."""
        crowd = self._crowds.get(feed)
        if crowd is None:
            return
        chunks: dict[int, tuple[bytes, int]] = {}
        for count, follower in enumerate(tuple(crowd.followers), start=1):
            if not follower.behind and follower in crowd.followers:
                self._give(follower, chunks)
            if count % WRITES_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        if any(chunk for chunk, _ in chunks.values()):
            self._ring(feed)  # perhaps there is another chunk; the next round finds out

    def _give(self, follower: Follower, chunks: dict[int, tuple[bytes, int]]) -> None:
        if follower.cursor not in chunks:
            chunks[follower.cursor] = _chunk(follower.feed, follower.cursor)
        chunk, cursor = chunks[follower.cursor]
        try:
            written = follower.link.write_nowait(chunk) if chunk else 0
        except OSError:
            follower.link.abort()
            self.leave(follower)
            return
        follower.cursor = cursor
        if written < len(chunk):
            follower.behind = True
            follower.nursery.start_soon(self._catch_up, follower, memoryview(chunk)[written:])
        elif follower.feed.ended(cursor):
            self._say_goodbye(follower)

    async def _catch_up(self, follower: Follower, rest: bytes | memoryview = b"") -> None:
        """Write to one follower that is behind, first what is left of a chunk, until it is not."""
        good = True
        while good:
            if rest:
                good = await follower.link.write(rest)
            rest, follower.cursor = _chunk(follower.feed, follower.cursor)
            if not rest:
                break
        follower.behind = False
        if not good:
            self.leave(follower)
        elif follower.feed.ended(follower.cursor):
            self._say_goodbye(follower)

    def _say_goodbye(self, follower: Follower) -> None:
        self.leave(follower)
        follower.nursery.start_soon(follower.link.close, 1000)


def _chunk(feed: Feed, cursor: int) -> tuple[bytes, int]:
    """Frames of the messages after a cursor, and the cursor after them."""
    messages, cursor = feed.read(cursor)
    return b"".join([frame_text(message) for message in messages]), cursor


def frame_text(text: bytes) -> bytes:
    """A whole text message as a server's frame: unmasked, uncompressed (RFC 6455, section 5.2)."""
    size = len(text)
    if size < _SHORT:
        return b"%c%c%b" % (_TEXT, size, text)
    if size < _MEDIUM:
        return b"%c%c%b%b" % (_TEXT, 126, size.to_bytes(2, "big"), text)
    return b"%c%c%b%b" % (_TEXT, 127, size.to_bytes(8, "big"), text)
