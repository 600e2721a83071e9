"""Results as bytes: a JSON document beside raw arrays, compressed. Nothing is ever unpickled.

The form, before compression by zlib: the length of the header as 8 bytes, the header as JSON, then
every array's bytes in C order, little-endian, each begun at a multiple of 8. The header has
`document`, the result without its arrays; `arrays`, the type and the shape of each; and `places`,
which path of the document holds which array. Columns that parts share are written once.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from copy import copy
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from glowback_trio.errors import DamagedError
from glowback_trio.model.orders import OrderSpec
from glowback_trio.model.portfolio import Hits, Portfolio
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.result import Benchmark, Curve, Fills, OrderLog, Result
from glowback_trio.wire.exports.result_checks import check_result

__all__ = ["Arrays", "as_json", "pack_result", "taken_apart", "unpack_result"]

Array = NDArray[Any]
Arrays = dict[str, Array]

#: Where in the document a part is to be made of an object.
_PARTS: Mapping[str, type[Any]] = {
    "/curve": Curve,
    "/trades": Fills,
    "/orders": OrderLog,
    "/portfolio": Portfolio,
    "/portfolio/construction": PortfolioConstruction,
    "/portfolio/hits": Hits,
    "/benchmark": Benchmark,
}
# Booleans, integers, floats and times: what has bytes of its own. Never `O`.
_KINDS = "biufM"
# More than a run may have. A forged header must not make the process take all memory.
_MOST_BYTES = 1 << 33
# Level 1 takes a fifth of the time of the default, and prices hardly compress any further.
_LEVEL = 1


def pack_result(result: Result) -> bytes:
    """Write a result as bytes."""
    arrays: Arrays = {}
    # Of a copy, so that what is made for this is let go afterwards.
    document = taken_apart(copy(result), "", arrays)
    distinct = {id(array): array for array in arrays.values()}
    index = {key: number for number, key in enumerate(distinct)}
    header = {
        "document": document,
        "arrays": [[array.dtype.str, list(array.shape)] for array in distinct.values()],
        "places": {path: index[id(array)] for path, array in arrays.items()},
    }
    text = json.dumps(header, default=as_json, separators=(",", ":")).encode()
    packer = zlib.compressobj(_LEVEL)
    written = [packer.compress(len(text).to_bytes(8, "little") + _padded(text))]
    written += [
        packer.compress(_padded(np.ascontiguousarray(a).tobytes())) for a in distinct.values()
    ]
    return b"".join([*written, packer.flush()])


def unpack_result(packed: bytes, most_bytes: int = _MOST_BYTES) -> Result:
    """Read a result; its arrays are read-only.

    Args:
        packed: What `pack_result` wrote, or what somebody says it wrote.
        most_bytes: How many bytes it may have unpacked.

    Raises:
        DamagedError: These are not the bytes of a result, or it has more bytes.
    """
    try:
        raw = _inflated(packed, most_bytes)
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        arrays = _read_arrays(raw, 8 + _rounded(length), header["arrays"])
        places = {path: arrays[number] for path, number in header["places"].items()}
        result: Result = _put_together(Result, header["document"], "", places)
        check_result(result)
    except (zlib.error, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise DamagedError(f"The packed result is damaged: {error}") from error
    return result


def _inflated(packed: bytes, most_bytes: int) -> bytes:
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(packed, most_bytes)
    if unpacker.unconsumed_tail:
        raise ValueError(f"it has more than {most_bytes:,} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("its compressed bytes do not end where they should")
    return raw


def taken_apart(value: Any, path: str, arrays: Arrays) -> Any:
    """Return a value as a document, and note its arrays by their paths."""
    if isinstance(value, np.ndarray):
        arrays[path] = value.astype(value.dtype.newbyteorder("<"), copy=False)
        return None
    if not attrs.has(type(value)):
        return value
    fields = [field.name for field in attrs.fields(type(value)) if field.init]
    return {name: taken_apart(getattr(value, name), f"{path}/{name}", arrays) for name in fields}


def _put_together(cls: type[Any], document: Mapping[str, Any], path: str, arrays: Arrays) -> Any:
    values: dict[str, Any] = {}
    for name, value in document.items():
        place = f"{path}/{name}"
        if place in arrays:
            values[name] = arrays[place]
        elif place in _PARTS and value is not None:
            values[name] = _put_together(_PARTS[place], value, place, arrays)
        elif place == "/orders/specs":
            values[name] = {int(order): OrderSpec(**spec) for order, spec in value.items()}
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return cls(**values)


def as_json(value: Any) -> Any:
    """Write what JSON has no word for: the specs of orders, and the numbers of numpy."""
    if attrs.has(type(value)):
        return {f.name: getattr(value, f.name) for f in attrs.fields(type(value)) if f.init}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a result may not hold {value!r}")


def _read_arrays(raw: bytes, offset: int, heads: list[Any]) -> list[Array]:
    arrays = []
    for name, shape in heads:
        dtype = np.dtype(name)
        if dtype.kind not in _KINDS:
            raise ValueError(f"an array of type {name!r}")
        array = np.frombuffer(raw, dtype, int(np.prod(shape, dtype=np.int64)), offset)
        arrays.append(array.reshape(shape))
        offset += _rounded(array.nbytes)
    return arrays


def _rounded(length: int) -> int:
    return -(-length // 8) * 8


def _padded(data: bytes) -> bytes:
    return data.ljust(_rounded(len(data)), b"\0")
