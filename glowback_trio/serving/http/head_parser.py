"""Parse the head of a request with llhttp, the parser of Node.js, with all its leniencies off.

It is given whole heads only, and a parser of its own for each, so that nothing a client sends can
carry over to another request, and where a head ends is decided here, by the first empty line. The
request line is matched as well: llhttp takes several spaces, and protocols that are not HTTP.
"""

from __future__ import annotations

import re

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from glowback_trio.serving.http.rejection import RejectedError
from glowback_trio.serving.http.request_head import Headers, RequestHead

__all__ = ["END_OF_HEAD", "MALFORMED", "check_beginning", "parse_headers", "parse_request_line"]

END_OF_HEAD = b"\r\n\r\n"
MALFORMED = "the request is not well-formed HTTP"

_REQUEST_LINE = re.compile(rb"([!-~]+) ([!-~]+) HTTP/(\d\.\d)\r\n")


class _Fields:
    """Takes what llhttp finds."""

    __slots__ = ("headers", "whole")

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.whole = True


def check_beginning(buffer: bytes) -> None:
    """Check a head that is still arriving: some cannot become one, and are not waited for.

    Raises:
        RejectedError: 400.
    """
    if buffer[0] <= 0x20 or buffer.count(b"\n") != buffer.count(b"\r\n"):
        raise RejectedError(400, MALFORMED)


def parse_request_line(head: bytes) -> RequestHead:
    """Return the request of a whole head, without its headers.

    Raises:
        RejectedError: 400.
    """
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise RejectedError(400, MALFORMED)
    method, target, version = line.groups()
    return RequestHead(method, target, version)


def parse_headers(head: bytes) -> Headers:
    """Return the headers of a whole head whose request line has been checked.

    Raises:
        RejectedError: 501 for a method that HTTP does not have, 400 for anything else.
    """
    fields = _Fields()
    try:
        HttpRequestParser(fields).feed_data(head)
    except HttpParserUpgrade:
        pass  # whether to upgrade is decided by this server
    except HttpParserInvalidMethodError:
        raise RejectedError(501, "HTTP has no such method") from None
    except HttpParserError:
        raise RejectedError(400, MALFORMED) from None
    if not fields.whole:
        raise RejectedError(400, MALFORMED)
    return fields.headers
