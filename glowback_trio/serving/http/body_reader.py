"""Read the body of a request: of a declared length, or in chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from attrs import define, field
from httptools import HttpParserError, HttpRequestParser

from glowback_trio.serving.http.head_parser import MALFORMED
from glowback_trio.serving.http.rejection import RejectedError

__all__ = ["BodyReader", "ChunkedBody", "DeclaredBody"]

# llhttp parses chunks as the body of a request. This one is the same for all clients, whose own
# heads have no part in it.
_CHUNKED_REQUEST = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
_EMPTY_LINE = re.compile(rb"\r\n\r\n")


class BodyReader(Protocol):
    """Finds the pieces of one body, and its end."""

    def read(self, data: bytes) -> tuple[list[bytes], bytes | None]:
        """Return the pieces in what has come, and what came after the body; None before its end.

        Raises:
            RejectedError: It is no body.
        """


@define(eq=False)
class DeclaredBody:
    """A body whose length the client has declared.

    Attributes:
        missing: Bytes that are still to come; not 0.
    """

    missing: int

    def read(self, data: bytes) -> tuple[list[bytes], bytes | None]:
        """Return the pieces in what has come, and what came after the body; None before its end."""
        if len(data) < self.missing:
            self.missing -= len(data)
            return [data], None
        return [data[: self.missing]], data[self.missing :]


@define(eq=False)
class ChunkedBody:
    """A body in chunks (RFC 9112, section 7.1).

    Attributes:
        limit: The most bytes that an extension of a chunk, or all trailers, may have.
    """

    limit: int
    _pieces: list[bytes] = field(factory=list, init=False)
    _whole: bool = field(default=False, init=False)
    #: Bytes since the last byte of a body, or the last size of a chunk: extensions and trailers.
    _aside: int = field(default=0, init=False)
    #: The last bytes that were read, which may be the beginning of an empty line.
    _tail: bytes = field(default=b"", init=False)
    _parser: HttpRequestParser = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._parser = HttpRequestParser(self)
        self._parser.feed_data(_CHUNKED_REQUEST)

    def read(self, data: bytes) -> tuple[list[bytes], bytes | None]:
        """Return the pieces in what has come, and what came after the body; None before its end.

        Raises:
            RejectedError: 400 for anything but chunks; 431 for too long an extension or trailer.
        """
        self._pieces, rest, begin = [], None, 0
        for end in self._ends(data):
            self._feed(data[begin:end])
            if self._whole:
                rest = data[end:]
                break
            begin = end
        self._tail = (self._tail + data)[-3:]
        return self._pieces, rest

    def _ends(self, data: bytes) -> Iterator[int]:
        """Yield the places up to which the parser may be given data, in order.

        A body in chunks ends with an empty line, and the parser does not tell where that was: it
        would take what follows for another request. So it is given no more than one at a time.
        """
        for empty in _EMPTY_LINE.finditer(self._tail + data):
            yield empty.end() - len(self._tail)
        if not data.endswith(b"\r\n\r\n"):
            yield len(data)

    def _feed(self, data: bytes) -> None:
        self._aside += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            raise RejectedError(400, MALFORMED) from None
        if self._aside > self.limit and not self._whole:
            raise RejectedError(431, f"the body has more than {self.limit} bytes beside its chunks")

    def on_chunk_header(self) -> None:
        """Note the size of a chunk, which ends its extensions."""
        self._aside = 0

    def on_body(self, piece: bytes) -> None:
        """Take a piece of a chunk."""
        self._pieces.append(piece)
        self._aside = 0

    def on_message_complete(self) -> None:
        """Note the end, after the trailers, which are dropped."""
        self._whole = True
