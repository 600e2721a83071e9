"""Items: what a task on a node yields, one after the other, each with the attempt it belongs to.

Ray may hand out items of an older execution of a task together with those of a newer one. Items
therefore carry a number of ours for the attempt, and their own number in it.
"""

from __future__ import annotations

import struct

from attrs import field, frozen

from glowback_trio.compute.process.frames import Kind, Parts

__all__ = ["Item", "pack_item", "unpack_item"]

#: Number of the attempt, number of the item in it, and kind.
_HEAD = struct.Struct("<QQB")


@frozen
class Item:
    """One item.

    Attributes:
        attempt: Number of the attempt that made it.
        number: Its own number in the attempt, from 0 on.
        kind: What it carries.
        body: That, packed as in a frame of a worker process.
    """

    attempt: int
    number: int
    kind: Kind
    body: memoryview = field(repr=False)


def pack_item(attempt: int, number: int, kind: Kind, parts: Parts = ()) -> bytes:
    """Return an item as bytes.

    Args:
        attempt: Number of the attempt.
        number: Number of the item.
        kind: What it carries.
        parts: Its body.
    """
    return b"".join([_HEAD.pack(attempt, number, kind), *parts])


def unpack_item(data: bytes) -> Item:
    """Return the item that some bytes are.

    Args:
        data: The bytes; the body is a view of them.
    """
    attempt, number, kind = _HEAD.unpack_from(data)
    return Item(attempt, number, Kind(kind), memoryview(data)[_HEAD.size :])
