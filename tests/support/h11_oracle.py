"""h11 as the oracle of the server's own reading of HTTP: what it makes of the bytes of a client.

It forgives more than is safe: it ends lines at a bare LF, joins folded lines and merges repeated
lengths. What smuggling rests on is refused before it sees a head.
"""

from __future__ import annotations

import re

import h11
from attrs import frozen

__all__ = ["ReadRequest", "read_by_h11"]

FOLD = re.compile(rb"\n[ \t]")
LENGTH = re.compile(rb"\ncontent-length[ \t]*:([^\r]*)", re.IGNORECASE)


@frozen
class ReadRequest:
    """One request as a server understood it."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def read_by_h11(pieces: list[bytes]) -> list[ReadRequest]:
    """Return the whole requests on one connection, up to the first that is not one."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=16 * 1024)
    found: list[ReadRequest] = []
    for piece in pieces:
        connection.receive_data(piece)
    try:
        while (request := _next(connection)) is not None:
            found.append(request)
            connection.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE:
                break
            connection.start_next_cycle()
    except (h11.RemoteProtocolError, ValueError):
        pass
    return found


def _next(connection: h11.Connection) -> ReadRequest | None:
    buffer = connection.trailing_data[0]
    _check_head(buffer)
    request = connection.next_event()
    if not isinstance(request, h11.Request):
        return None
    body = b""
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    if not isinstance(event, h11.EndOfMessage):
        return None
    headers = tuple(sorted(request.headers))
    return ReadRequest(request.method.decode(), request.target, headers, body)


def _check_head(buffer: bytes) -> None:
    head = buffer.partition(b"\r\n\r\n")[0]
    lengths = LENGTH.findall(head)
    repeated = len(lengths) > 1 or any(b"," in length for length in lengths)
    if head.count(b"\n") != head.count(b"\r\n") or FOLD.search(head) or repeated:
        raise ValueError("a head that two servers may read differently")
