"""Reject request heads that two parsers may read differently (request smuggling).

h11 forgives some of them: it ends lines at a bare LF, joins folded lines, prefers chunked framing
to a length, and merges repeated lengths. A proxy in front may decide otherwise, so that the rest of
one request becomes the start of another (RFC 9112, sections 2.2, 5.2, 6.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import h11

from glowback_trio.serving.http.rejection import Headers, RejectedError

__all__ = ["check_head", "check_request", "join_lists", "origin_form", "wants_websocket"]

FOLD = re.compile(rb"\n[ \t]")
LENGTH = re.compile(rb"\ncontent-length[ \t]*:([^\r]*)", re.IGNORECASE)
# A name of labels, an IPv4 address, or an IPv6 address in brackets (RFC 9112, section 3.2).
# Frameworks decode it for every request, and fail on what cannot be a name, such as `a..b`.
HOST = re.compile(rb"(?:(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?|\[[0-9A-Fa-f:.]{2,45}\])?(?::(\d{0,5}))?")
KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")

# These are decoded as ASCII, by h11, by wsproto or in this room. All other values are opaque bytes
# for the application: browsers send cookies in UTF-8.
DECODED = frozenset({b"connection", b"upgrade", b"host", b"transfer-encoding", b"content-length"})
# Headers of a handshake whose values are lists.
LISTS = frozenset({b"connection", b"sec-websocket-protocol", b"sec-websocket-extensions"})


def check_head(buffer: bytes, limit: int) -> None:
    """Check the raw bytes of a request head, whole or still arriving.

    Raises:
        RejectedError: 431 for a head longer than `limit` bytes; 400 for bare LF, folded lines, or
            more than one content length.
    """
    head, end, _ = buffer.partition(b"\r\n\r\n")
    if len(head) + len(end) > limit:
        raise RejectedError(431, f"the request head is longer than {limit} bytes")
    if head.count(b"\n") != head.count(b"\r\n"):
        raise RejectedError(400, "a line of the request head ends without a carriage return")
    if FOLD.search(head):
        raise RejectedError(400, "a header is folded over several lines")
    lengths = LENGTH.findall(head)
    if len(lengths) > 1 or any(b"," in length for length in lengths):
        raise RejectedError(400, "the request has more than one Content-Length")


def check_request(request: h11.Request, headers: Headers) -> None:
    """Check a parsed request.

    Args:
        request: The request.
        headers: Its headers as a list; h11's own sequence makes a tuple at every access.

    Raises:
        RejectedError: 505 for any protocol but HTTP/1.0 and HTTP/1.1; 501 for CONNECT and for
            methods in lower case; 426 for another version of WebSocket; 400 for two framings at
            once, headers that must be ASCII and are not, a Host that no host can have, a target
            without a path, or an invalid WebSocket handshake.
    """
    if request.http_version not in {b"1.0", b"1.1"}:
        raise RejectedError(505, "this server supports HTTP/1.1 and HTTP/1.0 only")
    if request.method == b"CONNECT":
        raise RejectedError(501, "this server is not a proxy")
    # Methods are case-sensitive (RFC 9110, section 9.1). ASGI states them in upper case, so that an
    # application would respond to `head` without a body, and h11 would wait for one.
    if request.method != request.method.upper():
        raise RejectedError(501, "the method is not in upper case")
    _check_framing(request, {name for name, _ in headers})
    for name, value in headers:
        if (name in DECODED or name.startswith(b"sec-websocket-")) and not value.isascii():
            raise RejectedError(400, f"the header {name.decode()} is not ASCII")
    _check_host(dict(headers).get(b"host", b""))
    origin_form(request)
    if wants_websocket(request, headers):
        _check_handshake(dict(headers))


def _check_host(host: bytes) -> None:
    match = HOST.fullmatch(host)
    if match is None or len(host) > 259 or int(match[1] or 0) > 65535:
        raise RejectedError(400, "Host is neither a name nor an address, with or without a port")


def _check_handshake(headers: dict[bytes, bytes]) -> None:
    """Check a client's handshake (RFC 6455, section 4.2.1)."""
    if headers.get(b"sec-websocket-version") != b"13":
        raise RejectedError(426, "this server supports version 13 of the WebSocket protocol only")
    if KEY.fullmatch(headers.get(b"sec-websocket-key", b"")) is None:
        raise RejectedError(400, "Sec-WebSocket-Key is not 16 bytes in base64")
    if b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0":
        raise RejectedError(400, "a WebSocket handshake has no body")


def _check_framing(request: h11.Request, names: set[bytes]) -> None:
    if b"transfer-encoding" in names:
        if b"content-length" in names:
            raise RejectedError(400, "the request has both Content-Length and Transfer-Encoding")
        if request.http_version == b"1.0":
            raise RejectedError(400, "Transfer-Encoding does not exist in HTTP/1.0")


def origin_form(request: h11.Request) -> bytes:
    """Return the target as path and query, from any of its forms (RFC 9112, section 3.2).

    Raises:
        RejectedError: 400 for a target that is neither a path nor an absolute http URL, nor the
            `*` of OPTIONS.
    """
    target = request.target
    if target.startswith(b"/") or (target == b"*" and request.method == b"OPTIONS"):
        return target
    scheme, colon, rest = target.partition(b"://")
    if colon and scheme.lower() in {b"http", b"https", b"ws", b"wss"}:
        authority = re.split(rb"[/?]", rest, maxsplit=1)[0]
        path = rest[len(authority) :]
        return path if path.startswith(b"/") else b"/" + path
    raise RejectedError(400, "the request target is neither a path nor an absolute URL")


def join_lists(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return a handshake's headers with each list on one line, for readers that expect one.

    A list means the same on one line and on several (RFC 9110, section 5.3).
    """
    lists: dict[bytes, list[bytes]] = {}
    others = []
    for name, value in headers:
        if name in LISTS:
            lists.setdefault(name, []).append(value)
        else:
            others.append((name, value))
    return [*others, *((name, b", ".join(values)) for name, values in lists.items())]


def wants_websocket(request: h11.Request, headers: Headers) -> bool:
    """Return True if a request is a WebSocket handshake, valid or not (RFC 6455, section 4.2.1)."""
    if request.method != b"GET" or request.http_version != b"1.1":
        return False
    upgrades = [value for name, value in headers if name == b"upgrade"]
    if not upgrades or upgrades[-1].strip().lower() != b"websocket":
        return False
    lines = [value for name, value in headers if name == b"connection"]
    return b"upgrade" in {token.strip().lower() for token in b",".join(lines).split(b",")}
