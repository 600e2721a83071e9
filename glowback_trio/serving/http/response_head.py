"""The head of a response, written: its status, its headers, and how its body ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from time import time
from wsgiref.handlers import format_date_time

from attrs import frozen

from glowback_trio.serving.http.request_head import Headers, RequestHead
from glowback_trio.serving.ports import ResponseHead

__all__ = ["NO_HEADERS", "HeaderBlock", "has_body", "write_head"]

# Old clients look for the phrase.
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})

# Header lines (RFC 9110, section 5.5); none of them can hold the end of another.
_LINES = re.compile(
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: "
    rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?\r\n)*"
)


@frozen(eq=False)
class HeaderBlock:
    """Headers that are written once, for the many responses that have them.

    Attributes:
        headers: Their names and values.
        data: Their lines.
    """

    headers: Headers
    data: bytes

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> HeaderBlock:
        """Write headers, none of which says how a body or a connection ends.

        Raises:
            ValueError: One of them does, or cannot be a header.
        """
        kept = tuple(headers)
        lines = [b"%b: %b\r\n" % header for header in kept]
        if any(line.partition(b":")[0].lower() in _FRAMING for line in lines):
            raise ValueError("These are headers that responses do not have in common")
        return cls(kept, _checked(lines))


NO_HEADERS = HeaderBlock((), b"")


def has_body(method: bytes | None, status: int) -> bool:
    """Return True if a response has a body: HEAD gets none, and some statuses have none."""
    return method != b"HEAD" and status >= 200 and status not in {204, 304}


def write_head(
    request: RequestHead | None,
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    block: HeaderBlock = NO_HEADERS,
    last: bool,
    date: bool,
) -> ResponseHead:
    """Write the head of a response.

    Args:
        request: What it responds to; None if that could not be read.
        status: The status.
        headers: All headers but the date and those of the block.
        block: Headers that were written before.
        last: True if the connection ends with this response in any case.
        date: True if the head states the time of day.

    Raises:
        ValueError: It cannot be a head.
    """
    lines: list[bytes] = []
    framing: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if (kind := name.lower()) in _FRAMING:
            framing.setdefault(kind, []).append(value)
        else:
            lines.append(b"%b: %b\r\n" % (name, value))
    if date:
        lines.append(_date_line(int(time())))
    if status < 200:
        lines += [b"connection: %b\r\n" % value for value in framing.get(b"connection", ())]
        return ResponseHead(_joined(status, block, lines))
    declared, chunked = _end_of_body(request, status, framing)
    if declared is not None:
        lines.append(b"content-length: %d\r\n" % declared)
    elif chunked:
        lines.append(b"transfer-encoding: chunked\r\n")
    keeps_alive = request is not None and request.keeps_alive and not last
    if not keeps_alive or b"connection" in framing:
        keeps_alive = _add_connection(lines, framing.get(b"connection", []), ends=not keeps_alive)
    body = has_body(None if request is None else request.method, status)
    data = _joined(status, block, lines)
    return ResponseHead(data, declared, declared if body else 0, chunked and body, keeps_alive)


def _end_of_body(
    request: RequestHead | None, status: int, framing: Mapping[bytes, Sequence[bytes]]
) -> tuple[int | None, bool]:
    """Return the declared length, and whether the body comes in chunks."""
    declared = None
    for length in framing.get(b"content-length", ()):
        if not length.isdigit() or len(length) > 20 or declared not in {None, int(length)}:
            raise ValueError(f"A response has one Content-Length, a number, not {length!r}")
        declared = int(length)
    for coding in framing.get(b"transfer-encoding", ()):
        if coding.lower() != b"chunked":
            raise ValueError(f"The only Transfer-Encoding is chunked, not {coding!r}")
    if b"transfer-encoding" not in framing and (declared is not None or status in {204, 304}):
        return declared, False
    # A client of HTTP/1.0 knows no chunks: the end of the connection ends the body.
    return None, request is not None and request.http_version != b"1.0"


def _add_connection(lines: list[bytes], given: Sequence[bytes], *, ends: bool) -> bool:
    """Add the header `Connection`; return whether another response may follow."""
    tokens = {token.strip().lower() for token in b",".join(given).split(b",")} - {b""}
    if ends or b"close" in tokens:
        tokens = tokens - {b"keep-alive"} | {b"close"}
    lines.append(b"connection: %b\r\n" % b", ".join(sorted(tokens)))
    return b"close" not in tokens


@lru_cache(maxsize=1)
def _date_line(second: int) -> bytes:
    """Return the header of a time of day; all responses of one second share it."""
    return b"date: %b\r\n" % format_date_time(second).encode("ascii")


def _joined(status: int, block: HeaderBlock, lines: list[bytes]) -> bytes:
    first = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    return b"%b%b%b\r\n" % (first, block.data, _checked(lines))


def _checked(lines: Sequence[bytes]) -> bytes:
    """Return header lines joined, once it is certain that each of them is one header."""
    joined = b"".join(lines)
    if joined.count(b"\n") != len(lines) or _LINES.fullmatch(joined) is None:
        bad = next(line for line in lines if line.count(b"\n") > 1 or not _LINES.fullmatch(line))
        raise ValueError(f"A response cannot have the header {bad!r}")
    return joined
