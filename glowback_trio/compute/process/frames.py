"""Frames on the socket between a gateway and its worker: length, kind and body.

Both ends are processes of one program on one machine, connected by a socket pair that nothing else
holds. A job and its last step may therefore travel as pickles; nothing that comes from a file, a
store or a network is read here.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Collection, Sequence
from enum import IntEnum
from typing import Any

from glowback_trio.model.events import EVENT_TYPES, AnyEventType, EventDraft

__all__ = ["HEADER", "Kind", "Parts", "frame", "pack_numbers", "pack_progress", "pack_value"]
__all__ += ["unpack_numbers", "unpack_progress", "unpack_value"]

#: A body in pieces, so that arrays need not be copied to be sent.
Parts = Sequence[bytes | memoryview]

#: Length of the body, and the kind of frame.
HEADER = struct.Struct("<QB")

_COUNT = struct.Struct("<I")
_SIZE = struct.Struct("<Q")
#: How many drafts, and the bytes that the result takes so far.
_PROGRESS = struct.Struct("<IQ")
# Bytes: a cache line. Arithmetic on arrays that are not aligned is several times slower.
_ALIGN = 64
#: Type, bar, progress (NaN: none) and length of one draft's payload.
_DRAFT = struct.Struct("<BIdI")
_TYPE_INDEX: dict[AnyEventType, int] = {kind: index for index, kind in enumerate(EVENT_TYPES)}
_NO_PROGRESS = float("nan")


class Kind(IntEnum):
    """The kinds of frames."""

    #: Worker to gateway, once: it has imported what it needs.
    READY = 0
    #: Gateway to worker: a job.
    JOB = 1
    #: Gateway to worker: the numbers of all segments of bars that the next job needs. Each that the
    #: worker does not hold follows: a byte that carries its descriptor.
    BARS = 6
    #: Worker to gateway: the job has arrived; whatever ends the worker from now on is its doing.
    TAKEN = 2
    #: Worker to gateway: some of the job's drafts.
    DRAFTS = 3
    #: Gateway to worker: one frame of drafts has been passed on.
    CREDIT = 4
    #: Worker to gateway: the last step of the job.
    LAST = 5


def frame(kind: Kind, parts: Parts = ()) -> Parts:
    """Return a whole frame, in parts."""
    return [HEADER.pack(sum(memoryview(part).nbytes for part in parts), kind), *parts]


def pack_progress(drafts: Sequence[EventDraft], result_bytes: int) -> bytes:
    """Return the body of a DRAFTS frame: two numbers, then all heads, then all payloads."""
    heads = (
        _DRAFT.pack(
            _TYPE_INDEX[draft.type],
            draft.bar,
            _NO_PROGRESS if draft.progress is None else draft.progress,
            len(draft.payload),
        )
        for draft in drafts
    )
    numbers = _PROGRESS.pack(len(drafts), result_bytes)
    return b"".join([numbers, *heads, *(draft.payload for draft in drafts)])


def unpack_progress(body: memoryview) -> tuple[list[EventDraft], int]:
    """Return the drafts of a DRAFTS frame, and the bytes that the result takes so far."""
    count, result_bytes = _PROGRESS.unpack_from(body)
    position = _PROGRESS.size + count * _DRAFT.size
    drafts = []
    for kind, bar, progress, length in _DRAFT.iter_unpack(body[_PROGRESS.size : position]):
        payload = bytes(body[position : position + length])
        position += length
        # NaN is the one number that differs from itself.
        known = progress if progress == progress else None  # noqa: PLR0124
        drafts.append(EventDraft(EVENT_TYPES[kind], payload, bar, known))
    return drafts, result_bytes


def pack_numbers(numbers: Collection[int]) -> bytes:
    """Return the body of a BARS frame."""
    return struct.pack(f"<{len(numbers)}Q", *numbers)


def unpack_numbers(body: memoryview) -> list[int]:
    """Return the numbers of a BARS frame."""
    return [number for (number,) in _SIZE.iter_unpack(body)]


def pack_value(value: object, pickler: Callable[..., pickle.Pickler] = pickle.Pickler) -> Parts:
    """Return the body of a frame that carries a value: the parts' sizes, a pickle, the arrays.

    Args:
        value: The value.
        pickler: Makes what pickles it.

    Raises:
        Exception: Whatever the value's classes raise when they cannot be pickled.
    """
    buffers: list[pickle.PickleBuffer] = []
    head = io.BytesIO()
    pickler(head, protocol=5, buffer_callback=buffers.append).dump(value)
    # Not `getbuffer`: a view that outlives the file in a cycle makes its release fail.
    parts = [memoryview(head.getvalue()), *(buffer.raw() for buffer in buffers)]
    sizes = (_SIZE.pack(part.nbytes) for part in parts)
    written: list[bytes | memoryview] = [b"".join([_COUNT.pack(len(parts)), *sizes])]
    position = len(written[0])
    for part in parts:
        gap = -position % _ALIGN
        written += [bytes(gap), part]
        position += gap + part.nbytes
    return written


def unpack_value(
    body: memoryview, unpickler: Callable[..., pickle.Unpickler] = pickle.Unpickler
) -> Any:
    """Return the value of a frame. Its arrays are views of the body.

    Args:
        body: The body.
        unpickler: Makes what reads the pickle.

    Raises:
        Exception: Whatever importing the value's classes raises.
    """
    (count,) = _COUNT.unpack_from(body)
    position = _COUNT.size + count * _SIZE.size
    parts = []
    for (size,) in _SIZE.iter_unpack(body[_COUNT.size : position]):
        position += -position % _ALIGN
        parts.append(body[position : position + size])
        position += size
    head, *buffers = parts
    # The other end of the socket pair is this program's own process.
    return unpickler(io.BytesIO(head), buffers=buffers).load()
