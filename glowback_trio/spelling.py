"""Words that are spelled nearly alike, found in bounded time whatever a client sends."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice, takewhile

__all__ = ["near_words"]

# Comparing two long words takes some 50 us, so few are compared, and the search takes some 3 ms.
_COMPARED = 40
_RANKED = 1_000
_LOOKED_AT = 10_000
_LONGEST = 64


def near_words(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Return the known words that are nearest to a word, nearest first; the case does not count.

    The first 10,000 known words are looked at. Among them are compared those that share most of
    their beginning and end with the word.
    """
    word = word[:_LONGEST].upper()
    spelled = {name.upper(): name for name in islice(known, _LOOKED_AT)}
    if len(spelled) > _COMPARED:
        alike = (name for name in spelled if name[:1] == word[:1] or name[-1:] == word[-1:])
        ranked = islice(alike, _RANKED)
        names = heapq.nlargest(_COMPARED, ranked, key=lambda name: _shared(name, word))
    else:
        names = list(spelled)
    return [spelled[match] for match in get_close_matches(word, names, n=most)]


def _shared(a: str, b: str) -> int:
    """Return how many letters two words share at their beginnings and at their ends."""
    pairs = zip(a, b, strict=False), zip(reversed(a), reversed(b), strict=False)
    return sum(len(list(takewhile(_same, each))) for each in pairs)


def _same(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]
