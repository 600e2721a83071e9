"""Events as rows: a batch of consecutive events, one line each, with a checksum.

The lines are the canonical bytes of the events, which hold no newline. So a batch is sent as it is
stored, and `sqlite3` and any tool for JSON lines can read it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from glowback_trio.errors import StoreError
from glowback_trio.model.events import EVENT_TYPES, Event, EventType

__all__ = ["MOST_EVENTS", "Row", "pack", "unpack"]

#: A reader decodes whole batches, so one is not much longer than what is read at once.
MOST_EVENTS = 256

#: Id of the first event, number of events, CRC-32 of the lines, the lines.
Row = tuple[int, int, int, bytes]

_TYPES: dict[bytes, EventType] = {kind.encode(): kind for kind in EVENT_TYPES}


def pack(events: Sequence[Event]) -> Iterator[Row]:
    """Write consecutive events as rows of at most `MOST_EVENTS`."""
    for start in range(0, len(events), MOST_EVENTS):
        batch = events[start : start + MOST_EVENTS]
        lines = b"".join([b"%b\n" % event.data for event in batch])
        yield batch[0].event_id, len(batch), zlib.crc32(lines), lines


def unpack(row: Row) -> list[Event]:
    """Read a row as the events that it was written from.

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
    return [Event(first_id + index, _type(texts[index]), texts[index]) for index in range(count)]


def _type(data: bytes) -> EventType:
    # Faster than decoding. No run id holds a quotation mark, so the type is the tenth part.
    return _TYPES[data.split(b'"', 10)[9]]
