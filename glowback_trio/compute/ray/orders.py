"""Orders: what a task on a node is given, and the bars that go to the cluster once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from attrs import define, field, frozen

from glowback_trio.compute.process.frames import pack_value
from glowback_trio.compute.process.limits import WorkerLimits
from glowback_trio.compute.process.shared_bars import BarsPickler, BarsPlace
from glowback_trio.extras import RAY
from glowback_trio.model.bars import Bars

__all__ = ["Order", "PutBars"]


@frozen
class Order:
    """A job on its way to a node.

    Attributes:
        job: The job, packed.
        segments: The groups of bars that it needs, by number: references into Ray's object store.
        limits: What the job may use, beyond what its process uses already.
        paths: Where the gateway's program imports modules from.
        version: Version of this package in the gateway.
        warm: True if the process may load the engine's compiled kernel after the job.
    """

    job: bytes
    segments: Mapping[int, Any]
    limits: WorkerLimits = WorkerLimits()
    paths: Sequence[str] = ()
    version: str = ""
    warm: bool = False


@define(eq=False)
class _Segment:
    """Some bars in the object store, for as long as one of them is here."""

    number: int
    reference: Any


@define(eq=False)
class PutBars:
    """Packs jobs; puts those of their bars that were not seen before. One thread at a time.

    Bars never change, so whoever has the same ones has them put once. A node copies them into its
    own part of the store once, and its processes map them, unable to write.
    """

    _numbers: count[int] = field(factory=count, init=False)
    _places: WeakKeyDictionary[Bars, tuple[_Segment, int]] = field(
        factory=WeakKeyDictionary, init=False
    )

    def pack(self, value: object) -> tuple[bytes, Mapping[int, Any]]:
        """Pack a value; return it with the segments that it needs.

        Raises:
            Exception: Whatever the value's classes raise when they cannot be pickled, and whatever
                Ray raises when there is no room.
        """
        number, fresh = next(self._numbers), dict[Bars, int]()
        needed: dict[int, _Segment] = {}

        def place(bars: Bars) -> BarsPlace:
            if known := self._places.get(bars):
                segment, index = known
                needed[segment.number] = segment
                return segment.number, index
            return number, fresh.setdefault(bars, len(fresh))

        parts = pack_value(value, lambda *args, **more: BarsPickler(place, *args, **more))
        if fresh:
            reference = RAY.load("ray").put(list(fresh))
            needed[number] = _Segment(number, reference)
            self._places.update({bars: (needed[number], index) for bars, index in fresh.items()})
        return b"".join(parts), {n: segment.reference for n, segment in needed.items()}

    def close(self) -> None:
        """Let the store drop all bars, whoever still has them here."""
        self._places.clear()
