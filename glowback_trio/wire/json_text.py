"""JSON as text: read strictly, written compactly."""

from __future__ import annotations

import codecs
from typing import Any

import numpy as np
import orjson

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bars import Times

__all__ = ["dumps", "iso_times", "parse_json"]

#: How texts begin that programs write by mistake.
_BEGINNINGS = {
    b"\x1f\x8b": "compressed by gzip",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    codecs.BOM_UTF8: "UTF-8 with a byte order mark",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
# datetime64 knows no zone; here all of them are UTC.
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC


def parse_json(text: bytes) -> Any:
    """Decode JSON, strictly: UTF-8, no NaN or infinity, no number too large for a double.

    Raises:
        InvalidRequestError: The text is not JSON; the path is the offset of the first bad byte.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = f"JSON decode error: {_encoding(text) or error.msg}"
        raise InvalidRequestError([Problem("json_invalid", (error.pos,), message)]) from None


def _encoding(text: bytes) -> str | None:
    """Return what is wrong with how a text is encoded, which the decoder's words do not tell."""
    for beginning, name in _BEGINNINGS.items():
        if text.startswith(beginning):
            return f"this is {name}, and should be plain UTF-8"
    try:
        text.decode()
    except UnicodeDecodeError:
        return "this is not UTF-8"
    return None


def dumps(document: object) -> bytes:
    """Encode compact JSON; NaN and infinity, for which JSON has no word, become `null`.

    Bar times are written as RFC 3339 with `+00:00`, and with six or nine decimals only where they
    are needed.
    """
    if isinstance(document, np.ndarray) and document.dtype.kind == "M":
        document = _with_nanoseconds(document)
    return orjson.dumps(document, _contiguous, _OPTIONS)


def _contiguous(value: object) -> object:
    """Return a column of records as the encoder takes it, which is in one piece."""
    if isinstance(value, np.ndarray) and not value.flags.c_contiguous:
        return np.ascontiguousarray(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def _with_nanoseconds(times: Times) -> Times | list[str]:
    """Return times as texts if the encoder, which writes microseconds, would shorten any."""
    long = times.astype("M8[ns]").view(np.int64) % 1000 != 0
    if not long.any():
        return times
    written = iso_times(times.astype("M8[us]"))
    for place in np.flatnonzero(long).tolist():
        written[place] = f"{times[place]}+00:00"
    return written


def iso_times(times: Times) -> list[str]:
    """Write bar times as `dumps` does.

    Args:
        times: datetime64[ns] UTC, (n,).
    """
    written: list[str] = orjson.loads(dumps(times))
    return written
