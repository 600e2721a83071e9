"""A finished run as the bytes of one file: request, events and result, under one checksum.

The form, version 1:

1. the line `glowback-trio run 1`;
2. a line of JSON, the header: `run_id`, `written_by` (version of the package), `request`,
   `labels`, `events` (how many), and how many bytes come next: `events_bytes`, `packed_events`,
   `packed_result`;
3. the events, one JSON document a line, each line ended, compressed by zlib; they take
   `packed_events` bytes, and `events_bytes` once unpacked;
4. the result as `packed_result` writes it, in `packed_result` bytes; none where the run has failed
   or was cancelled;
5. the line `sha256:` with the SHA-256 of all bytes before it, as hex.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from attrs import field, frozen

from glowback_trio.errors import DamagedError
from glowback_trio.model.events import EVENT_TYPES, Event, EventType
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import counted, describe
from glowback_trio.version import VERSION
from glowback_trio.wire.exports.packed_result import pack_result, unpack_result

__all__ = [
    "MEDIA_TYPE",
    "MOST_BYTES",
    "RunExport",
    "export_pieces",
    "load_export",
    "read_export",
    "write_export",
]

MEDIA_TYPE = "application/vnd.glowback-trio.run"
#: How many bytes a file may have, and how many its events, and its result, may have unpacked.
MOST_BYTES = 1 << 30

_NAME = b"glowback-trio run "
_FIRST_LINE = _NAME + b"1\n"
# The longest valid request is a fraction of it.
_MOST_HEADER = 1 << 22
_SIZES = ("events", "events_bytes", "packed_events", "packed_result")
_LAST_LINE = len("sha256:") + 64 + 1
# As for results: a higher level takes several times as long and saves little.
_LEVEL = 1
_TYPES: Mapping[bytes, EventType] = {kind.encode(): kind for kind in EVENT_TYPES}


@frozen(eq=False, repr=False)
class RunExport:
    """A finished run, apart from any store.

    Attributes:
        run_id: Its id.
        request: Its request as a document.
        lines: Its events, one JSON document a line, each line ended.
        result: Its result; None if it has failed or was cancelled.
        labels: What people have written on it, as a document: `name`, `tags`, `note`.
        written_by: Version of the package that exported it.
    """

    run_id: str
    request: Mapping[str, Any]
    lines: bytes
    result: Result | None
    labels: Mapping[str, Any] = field(factory=dict, kw_only=True)
    written_by: str = field(default=VERSION, kw_only=True)

    def __repr__(self) -> str:
        events = counted(self.lines.count(b"\n"), "event")
        return describe(self, self.run_id, events, written_by=self.written_by)

    @property
    def events(self) -> list[Event]:
        """The events, made again at each use.

        Raises:
            DamagedError: A line is no event.
        """
        texts = self.lines.split(b"\n")[:-1]
        try:
            # Faster than decoding. No run id holds a quotation mark: the type is the tenth part.
            kinds = [_TYPES[text.split(b'"', 10)[9]] for text in texts]
        except (IndexError, KeyError):
            raise DamagedError("The export is damaged: it has a line that is no event") from None
        return [Event(*each) for each in zip(range(1, len(texts) + 1), kinds, texts, strict=True)]


def write_export(export: RunExport) -> bytes:
    """Return the bytes of an export's file. Takes tenths of a second for a long run."""
    return b"".join(export_pieces(export))


def export_pieces(export: RunExport) -> Sequence[bytes]:
    """Return the bytes of an export's file in pieces, for those who write or send them at once."""
    events = zlib.compress(export.lines, _LEVEL)
    result = b"" if export.result is None else pack_result(export.result)
    sizes = (export.lines.count(b"\n"), len(export.lines), len(events), len(result))
    head = {
        "run_id": export.run_id,
        "written_by": VERSION,
        "request": export.request,
        "labels": export.labels,
        **dict(zip(_SIZES, sizes, strict=True)),
    }
    pieces = [_FIRST_LINE, orjson.dumps(head), b"\n", events, result]
    content = hashlib.sha256()
    for piece in pieces:
        content.update(piece)
    return [*pieces, b"sha256:%b\n" % content.hexdigest().encode()]


def load_export(path: Path, most_bytes: int = MOST_BYTES) -> RunExport:
    """Read the file of an export.

    Args:
        path: The file.
        most_bytes: See `read_export`.

    Raises:
        DamagedError: See `read_export`.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        # One byte more than allowed, so that `read_export` sees that there are more.
        return read_export(file.read(most_bytes + 1), most_bytes)


def read_export(data: bytes, most_bytes: int = MOST_BYTES) -> RunExport:
    """Read an export, whoever may have written it.

    Checked are form, sizes and checksum, and that the parts of the result fit together; not the
    laws of the log, nor whether anything of it is true: `verify` does that.

    Args:
        data: The bytes of its file.
        most_bytes: How many there may be, and how many its events, and its result, may have
            unpacked.

    Raises:
        DamagedError: It is no export, a byte of it has changed, or it is too large.
    """
    if len(data) > most_bytes:
        raise DamagedError(f"The export is too large: it may have {most_bytes:,} bytes")
    start = _check_ends(data)
    head, start = _read_header(data, start)
    _count, size, packed_events, packed_result = (head[name] for name in _SIZES)
    end = start + packed_events
    if end + packed_result != len(data) - _LAST_LINE:
        raise DamagedError("The export is damaged: its parts are not as long as its header says")
    if size > most_bytes:
        raise DamagedError(f"The export is too large: its events may have {most_bytes:,} bytes")
    lines = _inflated(data[start:end], size)
    if lines.count(b"\n") != head["events"] or (lines and not lines.endswith(b"\n")):
        raise DamagedError("The export is damaged: its events are not as many as its header says")
    packed = data[end : end + packed_result]
    result = unpack_result(packed, most_bytes) if packed else None
    more = {"labels": head["labels"], "written_by": head["written_by"]}
    return RunExport(head["run_id"], head["request"], lines, result, **more)


def _check_ends(data: bytes) -> int:
    """Check the first and the last line, and return where the header starts."""
    if not data.startswith(_FIRST_LINE):
        if not data.startswith(_NAME):
            raise DamagedError("This is no export of a run: it does not begin as one")
        named = data[len(_NAME) :].partition(b"\n")[0].decode("ascii", "replace")
        raise DamagedError(
            f"The export has version {named!r:.20}, and this package reads version 1: use a newer "
            "version of the package"
        )
    content = hashlib.sha256(memoryview(data)[:-_LAST_LINE])
    if data[-_LAST_LINE:] != b"sha256:%b\n" % content.hexdigest().encode():
        raise DamagedError(
            "The export is damaged: its bytes are not those that were written, as its checksum says"
        )
    return len(_FIRST_LINE)


def _read_header(data: bytes, start: int) -> tuple[Mapping[str, Any], int]:
    """Return the header, and where what follows it starts."""
    end = data.find(b"\n", start, start + _MOST_HEADER)
    try:
        head = orjson.loads(data[start:end] if end >= 0 else b"")
    except orjson.JSONDecodeError:
        head = None
    if not _is_header(head):
        raise DamagedError("The export is damaged: its second line is not the header of an export")
    return head, end + 1


def _is_header(head: Any) -> bool:
    if not isinstance(head, dict):
        return False
    objects = [head.get(name) for name in ("request", "labels")]
    sizes = [head.get(name) for name in _SIZES]
    texts = [head.get(name) for name in ("run_id", "written_by")]
    are_right = all(isinstance(each, dict) for each in objects)
    return (
        are_right
        and all(isinstance(text, str) for text in texts)
        and all(type(size) is int and size >= 0 for size in sizes)
    )


def _inflated(packed: bytes, size: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        # A byte more, so that a longer text shows itself; 0 would mean any number.
        lines = unpacker.decompress(packed, size + 1)
    except zlib.error as error:
        raise DamagedError(f"The export is damaged: its events cannot be unpacked ({error})") from (
            error
        )
    if len(lines) != size or not unpacker.eof or unpacker.unused_data:
        raise DamagedError("The export is damaged: its events are not as long as its header says")
    return lines
