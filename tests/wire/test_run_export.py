"""Exports: what is read is what was written, a changed byte is found, hostile bytes are an error.

Doctrine: a file whose sums are right may still hold anything, so hostile files are made with right
sums. Each of them meets one sentence and no other exception.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from support.exports import file_of, finished_export, with_events
from support.results import plain

from glowback_trio.errors import DamagedError, LogError
from glowback_trio.wire.exports.log_checks import check_log, payload_of
from glowback_trio.wire.exports.run_export import export_pieces, read_export

EXPORT = finished_export()
FILE = file_of(EXPORT)


def test_an_export_is_read_as_it_was_written() -> None:
    read = read_export(FILE)
    assert (read.run_id, read.request, read.lines) == (
        EXPORT.run_id,
        orjson.loads(orjson.dumps(EXPORT.request)),
        EXPORT.lines,
    )
    assert plain(read.result) == plain(EXPORT.result)
    assert [event.data for event in read.events] == EXPORT.lines.splitlines()


def test_the_pieces_of_a_file_are_the_bytes_that_are_written() -> None:
    assert b"".join(export_pieces(EXPORT)) == FILE


def test_a_changed_byte_anywhere_is_found() -> None:
    step = max(1, len(FILE) // 400)
    for place in (*range(0, len(FILE), step), *range(-80, 0)):
        damaged = bytearray(FILE)
        damaged[place] ^= 0x20
        with pytest.raises(DamagedError):
            read_export(bytes(damaged))


def test_a_missing_or_a_further_byte_is_found() -> None:
    for damaged in (FILE[:-1], FILE[1:], FILE + b"\n", FILE[: len(FILE) // 2], b""):
        with pytest.raises(DamagedError):
            read_export(damaged)


def signed(content: bytes) -> bytes:
    """These bytes with the checksum that they should have."""
    return content + b"sha256:%b\n" % hashlib.sha256(content).hexdigest().encode()


def forged(rest: bytes = b"", **header: Any) -> bytes:
    sizes = {"events": 0, "events_bytes": 0, "packed_events": 0, "packed_result": 0}
    head = {"run_id": "r", "written_by": "1", "request": {}, "labels": {}, **sizes, **header}
    return signed(b"glowback-trio run 1\n" + orjson.dumps(head) + b"\n" + rest)


BOMB = zlib.compress(b"x" * 10_000_000)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GIF89a", "no export of a run"),
        (signed(b"glowback-trio run 2\n"), "has version '2'"),
        (signed(b"glowback-trio run 1\n"), "not the header"),
        (signed(b"glowback-trio run 1\n[]\n"), "not the header"),
        (forged(run_id=3), "not the header"),
        (forged(request=[]), "not the header"),
        (forged(labels=None), "not the header"),
        (forged(events=-1), "not the header"),
        (forged(events_bytes=True), "not the header"),
        (forged(packed_events=10**18), "its parts are not as long"),
        (forged(b"12", packed_result=1), "its parts are not as long"),
        (forged(b"12", packed_events=2), "cannot be unpacked"),
        (forged(BOMB, packed_events=len(BOMB), events_bytes=5), "not as long as its header"),
        (forged(BOMB, packed_events=len(BOMB), events_bytes=1 << 40), "too large"),
        (forged(zlib.compress(b""), packed_events=8, events=2), "not as many"),
    ],
)
def test_a_hostile_file_meets_a_sentence(data: bytes, words: str) -> None:
    with pytest.raises(DamagedError, match=words):
        read_export(data)


def test_a_file_that_is_larger_than_allowed_is_not_read() -> None:
    with pytest.raises(DamagedError, match="it may have 1,000 bytes"):
        read_export(FILE, 1000)


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from(["events"]), st.integers(-9, 9)))
def test_no_bytes_raise_anything_else(rest: bytes, header: dict[str, Any]) -> None:
    for data in (rest, signed(rest), signed(b"glowback-trio run 1\n" + rest), forged(rest)):
        with pytest.raises(DamagedError):
            read_export(data)
    with pytest.raises(DamagedError):
        read_export(forged(rest, **header, packed_result=len(rest) or 1))


def test_the_log_of_an_export_is_checked() -> None:
    events = check_log(EXPORT)
    assert payload_of(events[2]) == orjson.dumps(events[2].payload)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"event_id":3,', b'"event_id":4,'),
        (b'"payload":{"state":"running"', b'"payload": {"state":"running"'),
        (b'"type":"state"', b'"type":"order"'),
        (EXPORT.run_id.encode(), b"another-run"),
        (b'"state":"completed"', b'"state":"failed"'),
        (b'"error":null', b'"error":\r1'),
        (b'"timestamp":"2', b'"timestamp":"9999'),
        (b'"event_count"', b'"count"'),
    ],
)
def test_a_log_that_no_run_writes_is_an_error(old: bytes, new: bytes) -> None:
    assert old in EXPORT.lines
    with pytest.raises((LogError, DamagedError)):
        check_log(evolve(EXPORT, lines=EXPORT.lines.replace(old, new, 1)))


def test_a_log_without_events_or_without_its_result_is_an_error() -> None:
    for broken in (evolve(EXPORT, lines=b""), evolve(EXPORT, result=None)):
        with pytest.raises(LogError):
            check_log(broken)


def test_an_export_with_another_payload_and_a_right_digest_is_sound() -> None:
    check_log(with_events(EXPORT, {1: {"message": "queued by hand"}}))
