"""Reject request heads that two parsers may read differently (request smuggling).

Where a proxy in front decides otherwise than this server, the rest of one request becomes the start
of another (RFC 9112, sections 2.2, 5.2, 6.3). The parser refuses most of it; what it takes and
others may not is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from glowback_trio.serving.http.head_parser import parse_headers, parse_request_line
from glowback_trio.serving.http.rejection import RejectedError
from glowback_trio.serving.http.request_head import RequestHead

__all__ = ["check_size", "join_lists", "origin_form", "read_head", "wants_websocket"]

# A name of labels, an IPv4 address, or an IPv6 address in brackets (RFC 9112, section 3.2).
# Frameworks decode it for every request, and fail on what cannot be a name, such as `a..b`.
HOST = re.compile(rb"(?:(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?|\[[0-9A-Fa-f:.]{2,45}\])?(?::(\d{0,5}))?")
KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")

# These are decoded as ASCII, by wsproto or in this room. All other values are opaque bytes for the
# application: browsers send cookies in UTF-8.
DECODED = frozenset({b"connection", b"upgrade", b"host", b"transfer-encoding", b"content-length"})
# Headers of a handshake whose values are lists.
LISTS = frozenset({b"connection", b"sec-websocket-protocol", b"sec-websocket-extensions"})


def check_size(size: int, limit: int) -> None:
    """Check the length of a request head, whole or still arriving.

    Raises:
        RejectedError: 431 for a head longer than `limit` bytes.
    """
    if size > limit:
        raise RejectedError(431, f"the request head is longer than {limit} bytes")


# Most clients send the same head again and again. What a head says depends on its bytes alone, so
# it is read and checked once. Long heads, and those that are refused, are read each time.
_KEPT_HEADS, _KEPT_BYTES = 512, 2048


def read_head(head: bytes) -> RequestHead:
    """Return the request of a whole head; the same one for the same bytes.

    Raises:
        RejectedError: 505 for any protocol but HTTP/1.0 and HTTP/1.1; 501 for CONNECT, for methods
            in lower case or unknown to HTTP, and for any coding of the body but chunks; 426 for
            another version of WebSocket; 400 for what is not well-formed, a target without a path,
            two framings at once, headers that must be ASCII and are not, no Host, two of them or
            one that no host can have, or an invalid WebSocket handshake.
    """
    return _read_short(head) if len(head) <= _KEPT_BYTES else _read(head)


def _read(head: bytes) -> RequestHead:
    request = parse_request_line(head)
    try:
        _check_request_line(request)
        request.take(parse_headers(head))
        _check_headers(request)
    except RejectedError as error:
        error.request = request
        raise
    return request


_read_short = lru_cache(maxsize=_KEPT_HEADS)(_read)


def _check_request_line(request: RequestHead) -> None:
    if request.http_version not in {b"1.0", b"1.1"}:
        raise RejectedError(505, "this server supports HTTP/1.1 and HTTP/1.0 only")
    if request.method == b"CONNECT":
        raise RejectedError(501, "this server is not a proxy")
    # Methods are case-sensitive (RFC 9110, section 9.1). ASGI states them in upper case, so that an
    # application would respond to `head` without a body, and the client would wait for one.
    if request.method != request.method.upper():
        raise RejectedError(501, "the method is not in upper case")
    origin_form(request)


def _check_headers(request: RequestHead) -> None:
    if b"transfer-encoding" in request.named:
        _check_chunked(request)
    for name, value in request.headers:
        if (name in DECODED or name.startswith(b"sec-websocket-")) and not value.isascii():
            raise RejectedError(400, f"the header {name.decode()} is not ASCII")
    _check_host(request)
    if wants_websocket(request):
        _check_handshake(request.named)


def _check_chunked(request: RequestHead) -> None:
    if b"content-length" in request.named:
        raise RejectedError(400, "the request has both Content-Length and Transfer-Encoding")
    if request.http_version == b"1.0":
        raise RejectedError(400, "Transfer-Encoding does not exist in HTTP/1.0")
    codings = [value for name, value in request.headers if name == b"transfer-encoding"]
    if len(codings) > 1 or codings[0].lower() != b"chunked":
        raise RejectedError(501, "the only Transfer-Encoding here is chunked")


def _check_host(request: RequestHead) -> None:
    hosts = [value for name, value in request.headers if name == b"host"]
    if len(hosts) > 1 or not (hosts or request.http_version == b"1.0"):
        raise RejectedError(400, "the request needs one Host")
    if hosts and not _can_be_host(hosts[0]):
        raise RejectedError(400, "Host is neither a name nor an address, with or without a port")


# Almost all requests to a server name the same one.
@lru_cache(maxsize=64)
def _can_be_host(host: bytes) -> bool:
    match = HOST.fullmatch(host)
    return match is not None and len(host) <= 259 and int(match[1] or 0) <= 65535


def _check_handshake(headers: dict[bytes, bytes]) -> None:
    """Check a client's handshake (RFC 6455, section 4.2.1)."""
    if headers.get(b"sec-websocket-version") != b"13":
        raise RejectedError(426, "this server supports version 13 of the WebSocket protocol only")
    if KEY.fullmatch(headers.get(b"sec-websocket-key", b"")) is None:
        raise RejectedError(400, "Sec-WebSocket-Key is not 16 bytes in base64")
    if b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0":
        raise RejectedError(400, "a WebSocket handshake has no body")


def origin_form(request: RequestHead) -> bytes:
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


def wants_websocket(request: RequestHead) -> bool:
    """Return True if a request is a WebSocket handshake, valid or not (RFC 6455, section 4.2.1)."""
    if b"upgrade" not in request.named:
        return False
    if request.method != b"GET" or request.http_version != b"1.1":
        return False
    if request.named[b"upgrade"].lower() != b"websocket":
        return False
    return b"upgrade" in request.tokens(b"connection")
