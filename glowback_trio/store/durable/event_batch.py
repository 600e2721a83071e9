"""Events as rows: a batch of consecutive events, one line each, with a checksum.

The lines are the canonical bytes of the events, which hold no newline. So a batch is sent as it is
stored, and `sqlite3` and any tool for JSON lines can read it.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Sequence

from glowback_trio.errors import StoreError
from glowback_trio.model.events import AnyEventType, Event

__all__ = ["MOST_EVENTS", "Row", "pack", "type_bits", "unpack"]

#: A reader decodes whole batches, so one is not much longer than what is read at once.
MOST_EVENTS = 256

#: Id of the first event, number of events, CRC-32 of the lines, the lines.
Row = tuple[int, int, int, bytes]

# Kept in files, so a bit keeps its type for ever.
_BITS: dict[AnyEventType, int] = {
    "state": 1,
    "progress": 2,
    "metric": 4,
    "trade": 8,
    "order": 16,
    "log": 32,
    "trial": 64,
    "best": 128,
    "generation": 256,
    "validation": 512,
}

_TYPES: dict[bytes, AnyEventType] = {kind.encode(): kind for kind in _BITS}


def type_bits(types: Collection[AnyEventType]) -> int:
    """Return the sum of the bits of some types, as a row's column `types` holds it."""
    return sum(_BITS[kind] for kind in types)


def pack(events: Sequence[Event]) -> Iterator[tuple[int, int, int, bytes, int]]:
    """Write consecutive events as rows of at most `MOST_EVENTS`, each followed by its types."""
    for start in range(0, len(events), MOST_EVENTS):
        batch = events[start : start + MOST_EVENTS]
        lines = b"".join([b"%b\n" % event.data for event in batch])
        types = type_bits({event.type for event in batch})
        yield batch[0].event_id, len(batch), zlib.crc32(lines), lines, types


def unpack(row: Row, types: Collection[AnyEventType] = tuple(_BITS)) -> list[Event]:
    """Read a row as the events that it was written from, or as those of some types.

    Raises:
        StoreError: The row was changed since.
    """
    first_id, count, checksum, lines = row
    texts = lines.split(b"\n")
    if zlib.crc32(lines) != checksum or len(texts) != count + 1:
        raise StoreError(
            f"The stored events from {first_id} on are damaged: their checksum differs"
        )
    # `texts` ends with what follows the last newline: nothing.
    return [
        Event(first_id + index, kind, texts[index])
        for index in range(count)
        if (kind := _type(texts[index])) in types
    ]


def _type(data: bytes) -> AnyEventType:
    # Faster than decoding. No run id holds a quotation mark, so the type is the tenth part.
    return _TYPES[data.split(b'"', 10)[9]]
