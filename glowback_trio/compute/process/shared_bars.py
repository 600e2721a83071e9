"""Bars in memory that the gateway and its workers share: written once, mapped by every worker.

Only `Bars` are shared, whatever source has them, because they never change. Those that a job brings
along for the first time are written to a file without a name. Workers get its descriptor and can
only read it. It is gone when the last of its bars is, and when the processes are, however they end.
"""

from __future__ import annotations

import mmap
import os
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import IO, Any
from weakref import WeakKeyDictionary, WeakSet, finalize

from attrs import define, field, frozen

from glowback_trio.compute.process.frames import Parts, pack_value, unpack_value
from glowback_trio.compute.process.nameless_file import write_nameless
from glowback_trio.model.bars import Bars

__all__ = ["BarsPickler", "BarsPlace", "BarsUnpickler"]
__all__ += ["MappedBars", "Segment", "SharedBars", "SharedValue"]

#: Number of a segment, and which of its bars.
BarsPlace = tuple[int, int]


@define(eq=False)
class Segment:
    """A file that holds some bars. It is closed by `close`, or with the last reference to this."""

    number: int
    descriptor: int
    #: Closes the file, once.
    close: Callable[[], object] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.close = finalize(self, os.close, self.descriptor)


@frozen
class SharedValue:
    """A pickled value, with the segments that it needs."""

    parts: Parts
    segments: Sequence[Segment]


@define(eq=False)
class SharedBars:
    """The gateway's side: packs values, with their bars in segments. One thread at a time."""

    _numbers: count[int] = field(factory=count, init=False)
    #: Each segment lives as long as one of its bars.
    _places: WeakKeyDictionary[Bars, tuple[Segment, int]] = field(
        factory=WeakKeyDictionary, init=False
    )
    _segments: WeakSet[Segment] = field(factory=WeakSet, init=False)

    def pack(self, value: object) -> SharedValue:
        """Pack a value; write those of its bars that were not seen before.

        Raises:
            OSError: They cannot be written.
            Exception: Whatever the value's classes raise when they cannot be pickled.
        """
        number, fresh = next(self._numbers), dict[Bars, int]()
        needed: dict[int, Segment] = {}

        def place(bars: Bars) -> BarsPlace:
            if known := self._places.get(bars):
                segment, index = known
                needed[segment.number] = segment
                return segment.number, index
            return number, fresh.setdefault(bars, len(fresh))

        parts = pack_value(value, lambda *args, **more: BarsPickler(place, *args, **more))
        if fresh:
            needed[number] = Segment(number, write_nameless(pack_value(list(fresh))))
            self._segments.add(needed[number])
            self._places.update({bars: (needed[number], index) for bars, index in fresh.items()})
        return SharedValue(parts, list(needed.values()))

    def close(self) -> None:
        """Close all files, whoever still has their bars; those would be written again."""
        for segment in list(self._segments):
            segment.close()
        self._segments.clear()
        self._places.clear()


@define(eq=False)
class MappedBars:
    """A worker's side: maps segments and unpacks values."""

    _segments: Mapping[int, Sequence[Bars]] = field(factory=dict, init=False)

    def hold(self, numbers: Iterable[int], receive: Callable[[], int]) -> None:
        """Hold these segments, and no other one any more.

        Args:
            numbers: Their numbers.
            receive: Returns the descriptor of the next one that is not held yet.
        """
        before = self._segments
        self._segments = {n: before[n] if n in before else _mapped(receive()) for n in numbers}

    def unpack(self, body: memoryview) -> Any:
        """Return a value that was packed by `SharedBars`.

        Raises:
            Exception: Whatever importing the value's classes raises.
        """
        return unpack_value(body, lambda *args, **more: BarsUnpickler(self._find, *args, **more))

    def _find(self, place: BarsPlace) -> Bars:
        number, index = place
        return self._segments[number][index]


def _mapped(descriptor: int) -> Sequence[Bars]:
    """Return the bars of a segment, and close its descriptor."""
    try:
        memory = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)
    bars: Sequence[Bars] = unpack_value(memoryview(memory))
    return bars


class BarsPickler(pickle.Pickler):
    """Writes a value with the places of its bars instead of the bars.

    Args:
        place: Returns the place of some bars.
        file: What is written.
        more: Passed on to `pickle.Pickler`.
    """

    def __init__(self, place: Callable[[Bars], BarsPlace], file: IO[bytes], **more: Any) -> None:
        super().__init__(file, **more)
        self._place = place

    def persistent_id(self, obj: Any) -> BarsPlace | None:
        """Return the place of bars; None for all else."""
        return self._place(obj) if type(obj) is Bars else None


class BarsUnpickler(pickle.Unpickler):
    """Reads a value that `BarsPickler` has written.

    Args:
        find: Returns the bars of a place.
        file: What is read.
        more: Passed on to `pickle.Unpickler`.
    """

    def __init__(self, find: Callable[[BarsPlace], Bars], file: IO[bytes], **more: Any) -> None:
        super().__init__(file, **more)
        self._find = find

    def persistent_load(self, pid: BarsPlace) -> Bars:
        """Return the bars of a place."""
        return self._find(pid)
