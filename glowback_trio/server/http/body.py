"""The body of a request: its encoding, its JSON and its size, checked before its fields are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from werkzeug.datastructures import Headers

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.server.http.errors import HttpError, shorten, summary
from glowback_trio.wire.duplicate_keys import check_keys, containers
from glowback_trio.wire.json_text import parse_json

__all__ = ["check_encoding", "read_document", "try_document"]

# Twice the values of the largest valid request, which has a thousand symbols and weights.
_MOST_VALUES = 4000


def check_encoding(headers: Headers) -> None:
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


def read_document(text: bytes) -> Any:
    """Decode a JSON body.

    Raises:
        InvalidRequestError: It is not JSON, has too many values, or a key more than once.
    """
    document = parse_json(text)
    _check_size(document)
    check_keys(text, document)
    return document


def try_document(text: bytes) -> tuple[Any, Sequence[Problem]]:
    """Decode a JSON body in a thread; return the document, or why there is none.

    An exception would take the document along, and the event loop would have to free it.
    """
    try:
        return read_document(text), ()
    except InvalidRequestError as error:
        return None, error.problems


def _check_size(document: Any) -> None:
    """Refuse a document with more values than any valid request has.

    The problems of all fields are reported together. A body of one megabyte has room for half a
    million of them, and collecting those would block the event loop for seconds.

    Raises:
        InvalidRequestError: The document has too many values.
    """
    count = 1
    for value in containers(document):
        count += len(value)
        if count > _MOST_VALUES:
            message = f"Input should hold at most {_MOST_VALUES} values in total"
            # The document must not live on: freeing it may take as long as reading it.
            raise InvalidRequestError([Problem("too_long", (), message, summary(document))])
