"""Keys that an object of a JSON text has more than once, of which a decoder keeps only one.

Decoders differ in which one, so a proxy that looks at a body may see another request than the
server. RFC 8259 (section 4) leaves it to the reader; here such a text is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

from glowback_trio.errors import InvalidRequestError, Problem

__all__ = ["check_keys", "containers"]

# Possessive: in a valid text no string has to be tried a second time.
_STRING = rb'"(?:[^"\\]++|(?:\\.)++)*+"'
_STRINGS = re.compile(_STRING)
_TOKENS = re.compile(_STRING + rb"|[{}\[\],]")
# Enough to correct a request by; more would let a small body have a large response.
_MOST_PROBLEMS = 20
_LONGEST_PATH = 16
# More than any request has. A repeated key can hide any number of values from a decoder.
_MOST_TOKENS = 20_000


def containers(document: Any) -> Iterator[dict[str, Any] | list[Any]]:
    """Yield every object and array of a decoded document."""
    # A loop, because a document may be nested deeper than Python calls may.
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            yield value
            waiting += value.values() if isinstance(value, dict) else value


def check_keys(text: bytes, document: Any) -> None:
    """Refuse a JSON text in which an object has a key more than once.

    Args:
        text: A JSON text that was decoded without an error.
        document: What it was decoded to.

    Raises:
        InvalidRequestError: With a problem for each such key, or one for a text that is too long.
    """
    # A member has one colon outside strings, and the document holds every key once. So the counts
    # tell without a second parser, and most texts have no colon inside a string either.
    members = sum(len(each) for each in containers(document) if isinstance(each, dict))
    if text.count(b":") == members:
        return
    _check_count(text, b'"')
    rest = _STRINGS.sub(b"", text)
    if rest.count(b":") == members:
        return
    _check_count(rest, b",", b":", b"[", b"{")
    paths = islice(dict.fromkeys(_repeated(text)), _MOST_PROBLEMS)
    raise InvalidRequestError(
        Problem(
            "duplicate",
            path[:_LONGEST_PATH],
            f"Give {path[-1]!r} once: an object has a key only once",
        )
        for path in paths
    )


def _check_count(text: bytes, *tokens: bytes) -> None:
    """Refuse a text whose strings or values are too many to be looked at one by one."""
    if sum(map(text.count, tokens)) > _MOST_TOKENS:
        message = f"Input should hold at most {_MOST_TOKENS} quotes, commas, colons and brackets"
        raise InvalidRequestError([Problem("too_long", (), message)])


def _repeated(text: bytes) -> Iterator[tuple[str | int, ...]]:
    """Yield the paths of keys that stand in their object already."""
    # For each container that is open: the step to its member, and its keys if it is an object.
    path: list[str | int] = []
    known: list[set[str] | None] = []
    awaits_key = False
    for match in _TOKENS.finditer(text):
        token = match[0]
        if token in b"{[":
            awaits_key = token == b"{"
            path.append(0)
            known.append(set() if awaits_key else None)
        elif token in b"}]":
            awaits_key = False
            path.pop()
            known.pop()
        elif token == b",":
            awaits_key = known[-1] is not None
            if not awaits_key:
                path[-1] = int(path[-1]) + 1
        elif awaits_key and (keys := known[-1]) is not None:
            awaits_key = False
            # Decoded, because the same key may be written with escapes.
            path[-1] = key = orjson.loads(token)
            if key in keys:
                yield tuple(path)
            keys.add(key)
