"""The body of a request: its encoding, its JSON and its size, checked before its fields are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.server.http.errors import HttpError, shorten, summary
from glowback_trio.server.http.request import RequestHeaders
from glowback_trio.wire.duplicate_keys import check_keys, containers
from glowback_trio.wire.json_text import parse_json

__all__ = ["check_encoding", "read_document", "try_document"]


def check_encoding(headers: RequestHeaders) -> None:
    """Refuse a body that is compressed; nothing here decompresses.

    Raises:
        HttpError: 415: `Content-Encoding` names an encoding.
    """
    named = ",".join(headers.getlist("Content-Encoding")).split(",")
    names = [name.strip() for name in named if name.strip().lower() not in ("", "identity")]
    if names:
        message = f"Send the body uncompressed, not with Content-Encoding: {', '.join(names)}"
        # RFC 9110, 12.5.3: in a 415, this header names the encodings that would have been taken.
        raise HttpError(415, shorten(message), headers={"Accept-Encoding": "identity"})


def read_document(text: bytes, most_values: int) -> Any:
    """Decode a JSON body.

    Args:
        text: The body.
        most_values: How many values it may hold, those in lists and objects included.

    Raises:
        InvalidRequestError: It is not JSON, has too many values, or a key more than once.
    """
    document = parse_json(text)
    _check_size(document, most_values)
    check_keys(text, document)
    return document


def try_document(text: bytes, most_values: int) -> tuple[Any, Sequence[Problem]]:
    """Decode a JSON body in a thread; return the document, or why there is none.

    An exception would take the document along, and the event loop would have to free it.
    """
    try:
        return read_document(text, most_values), ()
    except InvalidRequestError as error:
        return None, error.problems


def _check_size(document: Any, most: int) -> None:
    """Refuse a document with more values than a valid request has.

    The problems of all fields are reported together. A body of one megabyte has room for half a
    million of them, and collecting those would block the event loop for seconds.

    Raises:
        InvalidRequestError: The document has too many values.
    """
    count = 1
    for value in containers(document):
        count += len(value)
        if count > most:
            message = f"Input should hold at most {most} values in total"
            # The document must not live on: freeing it may take as long as reading it.
            raise InvalidRequestError([Problem("too_long", (), message, summary(document))])
