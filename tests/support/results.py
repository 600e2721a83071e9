"""Results to keep, and their values to compare."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import asdict, has

from glowback_trio.model.result import Curve, Fills, OrderLog, Result

__all__ = ["plain", "small_result", "without_overfit"]


def small_result(rows: int = 10) -> Result:
    """A result with `rows` bars and nothing traded: 40 bytes a bar."""
    time = np.zeros(rows, "datetime64[ns]")
    none, index = np.zeros(0), np.zeros(0, np.int64)
    return Result(
        metrics={},
        curve=Curve(1.0, time, *np.zeros((4, rows))),
        trades=Fills(("A",), "s", time[:0], index, none, none, none, none, none, index, none),
        orders=OrderLog(index, time[:0], index, index, none, none),
        logs=(),
        final_cash=1.0,
        final_positions={},
        final_prices={},
        manifest={},
    )


def plain(value: Any) -> Any:
    """The same as values that `==` compares, array by array and bit by bit."""
    match value:
        case np.ndarray():
            return str(value.dtype), value.shape, value.tobytes()
        case dict():
            return {key: plain(entry) for key, entry in value.items()}
        case tuple() | list():
            return [plain(entry) for entry in value]
        case float():
            return value.hex()
        case _ if has(type(value)):
            # What is no argument is made from the others.
            return plain(asdict(value, recurse=False, filter=lambda field, _: field.init))
        case _:
            return value


def without_overfit(body: bytes) -> bytes:
    """Cut off the last field of a response, which depends on what others have tried."""
    end = body.rindex(b',"overfit":{')
    return body[:end] + b"}"
