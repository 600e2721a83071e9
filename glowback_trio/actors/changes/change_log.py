"""The changes of a gateway: of each run and optimization only the newest, in their order.

A log of a run keeps everything, since its reader wants every event. Who looks at a list wants to
know how things stand. So here a later change replaces an earlier one, a slow reader gets fewer of
them, and what is kept is bounded by how many runs there are and not by what they do.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from attrs import define, field, frozen

from glowback_trio.actors.broadcaster import Bell
from glowback_trio.memory import Holding, Memory
from glowback_trio.model.short_repr import describe
from glowback_trio.wire.changes import Change, ChangeType, encode_change

__all__ = ["AT_RESET", "ChangeLog", "Key", "Kind", "Sight"]

Kind: TypeAlias = Literal["run", "optimization"]
#: What has changed: a run or an optimization, and its id.
Key: TypeAlias = tuple[Kind, str]

#: The cursor of a reader that has to begin with a `reset`.
AT_RESET = -1

# Changes that are kept, deletions included. A reader that is further behind reads the lists again.
_MOST = 10_000
# What a change takes, roughly: with the status that it shows; without one; its place in the order.
_NOTED_BYTES, _DELETION_BYTES, _PLACE_BYTES = 2048, 512, 128
_DELETED: Mapping[Kind, ChangeType] = {
    "run": "run_deleted",
    "optimization": "optimization_deleted",
}


@frozen(eq=False)
class Sight:
    """The status of a run or an optimization, as somebody sees it who looks at a list.

    Attributes:
        essence: What makes it differ from others; a number of events alone does not.
        document: Writes it as a document.
    """

    essence: object
    document: Callable[[], Mapping[str, Any]]


@define(eq=False)
class _Noted:
    """The newest change of something that is there, written when it is first read."""

    revision: int
    type: ChangeType
    moment: datetime
    sight: Sight
    written: Change | None = None

    @property
    def size(self) -> int:
        return _NOTED_BYTES + (0 if self.written is None else len(self.written.data))

    def change(self) -> Change:
        if self.written is None:
            document = self.sight.document()
            self.written = encode_change(self.revision, self.type, self.moment, document)
        return self.written


@frozen(eq=False)
class _Deletion:
    """The newest change of something that is no longer there: of that itself nothing is kept."""

    revision: int
    type: ChangeType
    moment: datetime
    document: Mapping[str, str]
    size: int = _DELETION_BYTES

    def change(self) -> Change:
        return encode_change(self.revision, self.type, self.moment, self.document)


@define(eq=False, repr=False)
class ChangeLog:
    """The newest change of each run and each optimization, in the order of their revisions.

    Args:
        clock: Gives the time, with its zone.
        epoch: Tells this gateway from others, and from itself before a restart.
        most: How many changes are kept.
        held: Told of the bytes that they take. They are counted whatever the bound says, since how
            many there may be is bounded already.
    """

    _clock: Callable[[], datetime]
    epoch: str
    _most: int = _MOST
    _held: Holding = field(factory=lambda: Holding(Memory().account("changes")))
    #: Rung when there is more to read, and when the gateway closes.
    bell: Bell = field(factory=Bell, init=False)
    #: True once nothing more will come.
    closed: bool = field(default=False, init=False)
    _revision: int = field(default=0, init=False)
    #: Changes up to this revision are no longer all there.
    _floor: int = field(default=0, init=False)
    _newest: dict[Key, _Noted | _Deletion] = field(factory=dict, init=False)
    #: Ascending revisions, and what changed at each; what has changed again since is left out when
    #: the lists are made anew.
    _revisions: list[int] = field(factory=list, init=False)
    _keys: list[Key] = field(factory=list, init=False)

    def __repr__(self) -> str:
        return describe(self, f"revision {self._revision}", changes=len(self._newest))

    @property
    def revision(self) -> int:
        """The revision of the newest change; 0: nothing has changed."""
        return self._revision

    def note(self, key: Key, sight: Sight) -> None:
        """Note how something stands, unless that is known already."""
        known = self._newest.get(key)
        if not isinstance(known, _Noted) or known.sight.essence != sight.essence:
            self._append(key, _Noted(self._revision + 1, key[0], self._clock(), sight))

    def is_deleted(self, key: Key) -> bool:
        """Return whether the newest change of something is that it is no longer there."""
        return isinstance(self._newest.get(key), _Deletion)

    def note_deleted(self, key: Key) -> None:
        """Note that something is no longer there, and let go of what was noted of it."""
        kind, identity = key
        if not self.is_deleted(key):
            document = {f"{kind}_id": identity}
            deletion = _Deletion(self._revision + 1, _DELETED[kind], self._clock(), document)
            self._append(key, deletion)

    def _append(self, key: Key, noted: _Noted | _Deletion) -> None:
        self._revision = noted.revision
        known = self._newest.get(key)
        self._newest[key] = noted
        self._revisions.append(noted.revision)
        self._keys.append(key)
        self._count(_PLACE_BYTES + noted.size - (0 if known is None else known.size))
        if len(self._keys) > 2 * self._most:
            self._tidy_up()

    def _tidy_up(self) -> None:
        """Drop what was replaced, and the oldest changes that are too many."""
        places = zip(self._revisions, self._keys, strict=True)
        current = [(at, key) for at, key in places if self._newest[key].revision == at]
        excess = current[: max(0, len(current) - self._most)]
        for at, key in excess:
            self._count(-self._newest.pop(key).size)
            self._floor = at
        kept = current[len(excess) :]
        self._count(_PLACE_BYTES * (len(kept) - len(self._keys)))
        self._revisions, self._keys = [at for at, _ in kept], [key for _, key in kept]

    def _count(self, size: int) -> None:
        self._held.grow_to(self._held.size + size)

    def cursor_of(self, after: int | None, epoch: str | None) -> int:
        """Return where a reader goes on that knows this gateway up to a revision; or `AT_RESET`."""
        known = after is not None and epoch == self.epoch and after <= self._revision
        return after if known and after is not None else AT_RESET

    def read(
        self, cursor: int, limit: int, types: Collection[ChangeType] | None = None
    ) -> tuple[Sequence[Change], int]:
        """Return up to `limit` changes after a cursor, and the cursor after them.

        A reader to whom changes are missing gets a `reset`, and goes on from now.

        Args:
            cursor: A revision, or `AT_RESET`.
            limit: How many at most.
            types: Only changes of these types, and always a `reset`; None: all.
        """
        if cursor < self._floor:
            return [self._reset()], self._revision
        found: list[Change] = []
        for index in range(bisect_right(self._revisions, cursor), len(self._keys)):
            noted = self._newest[self._keys[index]]
            is_newest = noted.revision == self._revisions[index]
            if is_newest and (types is None or noted.type in types):
                before = noted.size
                found.append(noted.change())
                self._count(noted.size - before)
                if len(found) == limit:
                    return found, noted.revision
        return found, max(cursor, self._revision)

    def _reset(self) -> Change:
        return encode_change(self._revision, "reset", self._clock(), {"epoch": self.epoch})

    def close(self) -> None:
        """Tell the readers that nothing more will come."""
        self.closed = True
        self.bell.ring()
