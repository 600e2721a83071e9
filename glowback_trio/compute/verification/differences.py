"""The first difference between two documents, or between two results, as the place and both values.

Floats are equal if they are the same number, bit for bit in arrays; NaN equals NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from glowback_trio.model.result import Result

__all__ = ["MISSING", "Found", "differences", "result_differences"]

#: Stands for a value that one of the two does not have.
MISSING = "(missing)"


@frozen
class Found:
    """A place where two values differ.

    Attributes:
        field: The place, such as `curve.value[7]`; empty for the values themselves.
        then: The one value.
        now: The other one.
    """

    field: str
    then: Any
    now: Any


def result_differences(then: Result, now: Result) -> Iterator[Found]:
    """Yield where two results differ, in the order of their fields.

    The version of the package in the manifest is left out: it is no part of what was computed.
    """
    return differences(_without_version(then), _without_version(now))


def _without_version(result: Result) -> Result:
    manifest = {name: value for name, value in result.manifest.items() if name != "engine"}
    return attrs.evolve(result, manifest=manifest)


def differences(then: Any, now: Any, field: str = "") -> Iterator[Found]:
    """Yield where two values differ.

    Args:
        then: A document, an array, an attrs value, or a scalar.
        now: Another one.
        field: The place of both.
    """
    if isinstance(then, np.ndarray) and isinstance(now, np.ndarray):
        yield from _in_arrays(then, now, field)
    elif attrs.has(type(then)) and type(then) is type(now):
        # What is no argument is made from the others.
        for one in (each for each in attrs.fields(type(then)) if each.init):
            place = _under(field, one.name)
            yield from differences(getattr(then, one.name), getattr(now, one.name), place)
    elif isinstance(then, Mapping) and isinstance(now, Mapping):
        for name in {**then, **now}:
            place = _under(field, str(name))
            yield from differences(then.get(name, MISSING), now.get(name, MISSING), place)
    elif _is_list(then) and _is_list(now):
        yield from _in_lists(then, now, field)
    elif not _equal(then, now):
        yield Found(field, then, now)


def _in_lists(then: Sequence[Any], now: Sequence[Any], field: str) -> Iterator[Found]:
    for index, pair in enumerate(zip(then, now, strict=False)):
        yield from differences(*pair, f"{field}[{index}]")
    if len(then) != len(now):
        yield Found(_under(field, "length"), len(then), len(now))


def _in_arrays(then: NDArray[Any], now: NDArray[Any], field: str) -> Iterator[Found]:
    if then.dtype != now.dtype or then.shape != now.shape:
        yield Found(field, _kind(then), _kind(now))
    elif then.tobytes() != now.tobytes():
        # Value by value only here: most arrays are equal, and this takes twice their memory.
        for index in np.argwhere(_bits(then) != _bits(now)):
            place = ", ".join(map(str, index.tolist()))
            yield Found(f"{field}[{place}]", then[tuple(index)].item(), now[tuple(index)].item())


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def _kind(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _equal(then: Any, now: Any) -> bool:
    # A number is never a truth value, though Python thinks so; NaN differs from itself.
    if isinstance(then, bool) != isinstance(now, bool):
        return False
    return bool(then == now or (then != then and now != now))  # noqa: PLR0124


def _under(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
