"""A feed of the hub that a test writes into."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from attrs import define, field

__all__ = ["ListFeed"]


@define(eq=False)
class ListFeed:
    """Messages in a list, three at once. The first `forgotten` ones have left memory."""

    messages: list[bytes] = field(factory=list)
    over: bool = False
    forgotten: int = 0
    watchers: list[Callable[[], None]] = field(factory=list)
    fault: Exception | None = None
    quiet: float = float("inf")

    def heartbeat(self, cursor: int) -> bytes:
        return b"at %d" % cursor

    def read(self, cursor: int) -> tuple[Sequence[bytes], int]:
        if self.fault is not None:
            raise self.fault
        return ((), cursor) if self.needs_load(cursor) else self._taken(cursor)

    def needs_load(self, cursor: int) -> bool:
        return cursor < self.forgotten

    async def load(self, cursor: int) -> tuple[Sequence[bytes], int]:
        await trio.lowlevel.checkpoint()
        return self._taken(cursor)

    def _taken(self, cursor: int) -> tuple[Sequence[bytes], int]:
        taken = self.messages[cursor : cursor + 3]
        return taken, cursor + len(taken)

    def ended(self, cursor: int) -> bool:
        return self.over and cursor == len(self.messages)

    def watch(self, ring: Callable[[], None]) -> Callable[[], None]:
        self.watchers.append(ring)
        return lambda: self.watchers.remove(ring)

    def add(self, *messages: bytes, over: bool = False) -> None:
        self.messages += messages
        self.over = over
        for ring in self.watchers:
            ring()
