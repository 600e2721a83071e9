"""Comparing the bars of a run with their digests in its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from glowback_trio.compute.verification.differences import MISSING
from glowback_trio.compute.verification.log_comparison import DiffersError
from glowback_trio.model.bars import Bars, Dataset
from glowback_trio.wire.exports.verdict import Difference

__all__ = ["same_bars"]


def same_bars(manifest: Mapping[str, Any], dataset: Dataset) -> Iterator[str]:
    """Yield the symbols whose bars have the digests that a manifest holds.

    Raises:
        DiffersError: Those of a symbol differ.
    """
    described = _mapping(manifest.get("dataset"))
    then = _mapping(described.get("bar_digests"))
    if not then:
        return
    yield from _same_digests("bars", then, dataset.bars)
    warmup = _mapping(_mapping(described.get("warmup")).get("bar_digests"))
    for _ in _same_digests("bars for warming up", warmup, dataset.warmup):
        pass


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return a part of a manifest, empty where it is not as it should be."""
    return value if isinstance(value, Mapping) else {}


def _same_digests(what: str, then: Mapping[str, Any], bars: Sequence[Bars]) -> Iterator[str]:
    """Yield the symbols whose bars are the same, up to the first that differs.

    Raises:
        DiffersError: There is one.
    """
    now = {one.symbol: f"sha256:{one.digest()}" for one in bars}
    for symbol in sorted({*then, *now}):
        one, other = then.get(symbol, MISSING), now.get(symbol, MISSING)
        if one != other:
            message = f"The {what} of {symbol} differ: their digest was {one}, and is {other} now"
            raise DiffersError(
                Difference(part="bars", message=message, symbol=symbol, then=one, now=other)
            )
        yield symbol
