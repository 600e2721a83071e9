"""What columns hold of an optimization, and how it is read again."""

from __future__ import annotations

import zlib

import orjson
from attrs import evolve

from glowback_trio.errors import InvalidRequestError, StoreError
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.optimizations.results import kept_result_document, parse_kept_result
from glowback_trio.wire.optimizations.statuses import parse_optimization_status

__all__ = ["pack_result", "read_status", "unpack_result"]


def read_status(text: str, count: int, *, paused: bool) -> OptimizationStatus:
    """Return the status that was noted, with the number of events and the pause as they are.

    Raises:
        StoreError: It is damaged.
    """
    try:
        status = parse_optimization_status(orjson.loads(text))
    except (ValueError, InvalidRequestError) as error:
        raise StoreError(f"The stored status of an optimization is damaged: {error}") from error
    return evolve(status, event_count=count, paused=paused and not status.finished)


def pack_result(result: OptimizationResult) -> bytes:
    """Return a result as it is kept. Takes tenths of a second for many trials."""
    return zlib.compress(dumps(kept_result_document(result)), 1)


def unpack_result(packed: bytes) -> OptimizationResult:
    """Return the result that was packed.

    Raises:
        StoreError: It is damaged.
    """
    try:
        return parse_kept_result(orjson.loads(zlib.decompress(packed)))
    except (ValueError, zlib.error, InvalidRequestError) as error:
        raise StoreError(f"The stored result of an optimization is damaged: {error}") from error
