"""What was forgotten, while queries may still find it."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from glowback_trio.store.durable.writer import Writer

__all__ = ["Forgotten"]


@define(eq=False)
class Forgotten:
    """The ids of what was forgotten and is not yet written as such.

    Args:
        writer: Has been handed over the statements that forget.
    """

    _writer: Writer
    #: With the count of changes that must be written until no query finds them.
    _ids: dict[str, int] = field(factory=dict, init=False)
    #: How often something was forgotten.
    times: int = field(default=0, init=False)

    def add(self, each: str) -> None:
        """Note that the change that was handed over last forgets this one."""
        written = self._writer.written
        self._ids = {other: n for other, n in self._ids.items() if n > written}
        self._ids[each] = self._writer.handed_over
        self.times += 1

    def remove(self, each: str) -> None:
        """Note that there is a new one with this id."""
        self._ids.pop(each, None)

    def has(self, each: str) -> bool:
        """Return True for what was forgotten, though queries may still find it."""
        return self._ids.get(each, 0) > self._writer.written

    def without(self, found: Iterable[str]) -> list[str]:
        """Return what queries have found without what was forgotten."""
        return [each for each in found if not self.has(each)]
