"""Fingerprints of bars: texts that are equal where two sources would load the same for a request.

A fingerprint of this package is the SHA-256 over all that a load would read, and after that some
digits for each symbol, by which two fingerprints say which symbols differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from glowback_trio.data.source import Source
from glowback_trio.model.request import BacktestRequest

__all__ = ["Fingerprinting", "combined", "differing", "fingerprint_of"]

_DIGEST = 64
# Hex digits for each symbol: the head decides, these only name what is different.
_DIGITS = 4


@runtime_checkable
class Fingerprinting(Protocol):
    """A source that can tell whether another one would load the same bars. No source has to."""

    def fingerprint(self, request: BacktestRequest) -> str | None:
        """Return a text that is equal where the same would be loaded, on any machine.

        It is called in a thread, and on the event loop where an embedding program submits a request
        that was not checked before.

        Args:
            request: A request without problems.

        Returns:
            None where this is not known: such bars are taken to be the same everywhere.

        Raises:
            InvalidRequestError: The request has problems.
            DataError: The bars cannot be read.
        """


def fingerprint_of(source: Source, request: BacktestRequest) -> str | None:
    """Return the fingerprint of the bars of a request; None where the source does not know it.

    Raises:
        InvalidRequestError: The request has problems.
        DataError: The bars cannot be read.
    """
    if not isinstance(source, Fingerprinting):
        return None
    return source.fingerprint(request)


def combined(others: bytes, symbols: Mapping[str, bytes]) -> str:
    """Return the fingerprint of some symbols.

    Args:
        others: What belongs to no symbol, such as the origin of all prices.
        symbols: The digest of what would be read for each, in the order of the request.
    """
    whole = hashlib.sha256(len(others).to_bytes(8) + others)
    for symbol, digest in symbols.items():
        whole.update(hashlib.sha256(symbol.encode() + b"\0" + digest).digest())
    digits = "".join(digest.hex()[:_DIGITS] for digest in symbols.values())
    return f"{whole.hexdigest()}{digits}"


def differing(one: str, other: str, symbols: Sequence[str]) -> Sequence[str]:
    """Return the symbols in which two fingerprints of a request differ.

    Args:
        one: A fingerprint.
        other: Another one.
        symbols: The symbols of the request, in its order.

    Returns:
        Nothing where that is not to be seen: what differs belongs to no symbol, or the fingerprints
        are not of this package.
    """
    length = _DIGEST + _DIGITS * len(symbols)
    if len(one) != length or len(other) != length:
        return ()
    return [
        symbol
        for symbol, at in zip(symbols, range(_DIGEST, length, _DIGITS), strict=True)
        if one[at : at + _DIGITS] != other[at : at + _DIGITS]
    ]
