"""Price files of every form that is read, and what a disk, a program or an enemy makes of them."""

from __future__ import annotations

import datetime as dt
import decimal
import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from io import BytesIO
from typing import Any, TypeVar

import numpy as np
import pytest
from attrs import frozen

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

T = TypeVar("T")

__all__ = ["SYMBOL", "Mutant", "mutants"]

#: The symbol whose bars every file holds, daily ones from 2020-03-02.
SYMBOL = "X"

_DAYS = [dt.date(2020, 3, 2) + dt.timedelta(days=day) for day in range(20)]
_HEADER = "date,open,high,low,close,volume"
_TEXTS = [b"nan", b"1e999", b"-", b'"', b'""', b",", b"\n", b"\r", b"\0", b"\xff", b"9" * 400]
_TEXTS += [b"2262-04-11", b"1677-01-01", b"99999999999999999999", b"X" * 70_000, b"\xef\xbb\xbf"]
_NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]


@frozen
class Mutant:
    """A file that differs from a sound one.

    Attributes:
        name: The name of a price file of `SYMBOL`, or of its factors, or `provenance.json`.
        content: Its content.
        what: The sound file and what was done to it, for messages.
    """

    name: str
    content: bytes
    what: str


def mutants(number: int, seed: int = 1) -> Iterator[Mutant]:
    """Yield so many, the same ones for the same seed."""
    choose = random.Random(seed)
    sound = list(_sound().items())
    for index in range(number):
        form, (name, content) = sound[index % len(sound)]
        changed, done = content, []
        for _ in range(choose.choice((1, 1, 1, 2, 5))):
            change = choose.choice(_CHANGES)
            changed = change(_Draw(choose, name.endswith(".parquet")), changed)
            done.append(change.__name__.strip("_"))
        yield Mutant(name, changed, f"{form}: {', '.join(done)}, number {index}, seed {seed}")


@cache
def _sound() -> Mapping[str, tuple[str, bytes]]:
    files = {f"csv {name}": (f"{SYMBOL}_1d.csv", text.encode()) for name, text in _texts().items()}
    files |= {
        f"parquet {name}": (f"{SYMBOL}_1d.parquet", content) for name, content in _tables().items()
    }
    factors = "date,price factor,split factor\n2020-03-05,0.5,0.25\n2020-03-09,0.9,1\n"
    files["factors"] = (f"{SYMBOL}_factors.csv", factors.encode())
    files["provenance"] = ("provenance.json", b'{"source": "me", "adjusted_for": "none"}')
    return files


def _texts() -> Mapping[str, str]:
    rows = [f"{day},10,12.5,9,11,100" for day in _DAYS]
    plain = "\n".join([_HEADER, *rows, ""])
    seconds = [f"{1583107200 + 86400 * n},10,12.5,9,11,100" for n in range(20)]
    offsets = [row.replace(",", "T09:30:00+02:00,", 1) for row in rows]
    quoted = [",".join(f'"{cell}"' for cell in row.split(",")) for row in rows]
    return {
        "plain": plain,
        "Windows": plain.replace("\n", "\r\n"),
        "mark": f"\ufeff{plain}",
        "counts": "\n".join([_HEADER, *seconds]),
        "offsets": "\n".join([_HEADER, *offsets]),
        "quotes": "\n".join([_HEADER, *quoted]),
        "symbols": "\n".join([f"symbol,{_HEADER}", *(f"{SYMBOL},{row}" for row in rows)]),
        "cells": plain.replace(",100", ",n/a"),
        "clock": "\n".join(
            [_HEADER.replace("date", "date,time"), *(r.replace(",", ",09:30,", 1) for r in rows)]
        ),
    }


def _tables() -> Mapping[str, bytes]:
    days = pa.array(_DAYS)
    texts = pa.array([str(day) for day in _DAYS])
    numbers = pa.array([decimal.Decimal("10.25")] * 20, pa.decimal128(12, 2))
    return {
        "plain": _written(use_dictionary=False, compression="none"),
        "dictionary": _written(compression="snappy"),
        "zstd": _written(compression="zstd", row_group_size=7),
        "gzip": _written(compression="gzip", data_page_version="2.0"),
        "brotli": _written(compression="brotli", data_page_size=64),
        "lz4": _written(compression="lz4", write_statistics=False),
        "sums": _written(write_page_checksum=True),
        "deltas": _written(
            columns={"volume": pa.array(range(20))},
            use_dictionary=False,
            column_encoding={"volume": "DELTA_BINARY_PACKED", "close": "BYTE_STREAM_SPLIT"},
        ),
        "zone": _written(days.cast(pa.timestamp("us", tz="America/New_York"))),
        "int96": _written(days.cast(pa.timestamp("ns")), use_deprecated_int96_timestamps=True),
        "texts": _written(texts, columns={"symbol": pa.array([SYMBOL] * 20)}),
        "categories": _written(texts.dictionary_encode()),
        "decimals": _written(columns={"close": numbers, "volume": pa.array([None] * 20, "f8")}),
        "nested": _written(columns={"more": pa.array([[{"a": 1}]] * 20)}),
    }


def _written(times: Any = None, *, columns: Mapping[str, Any] = {}, **options: Any) -> bytes:
    prices = {name: np.full(20, 11.0) for name in ("open", "high", "low", "close", "volume")}
    table = pa.table({"date": pa.array(_DAYS) if times is None else times, **prices, **columns})
    file = BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


@frozen
class _Draw:
    """Chance, for a file of one format."""

    random: random.Random
    is_parquet: bool

    def one_of(self, values: Sequence[T]) -> T:
        return self.random.choice(values)

    def place(self, content: bytes) -> int:
        """Return a position; in Parquet as often one in the metadata as one before."""
        if self.is_parquet and len(content) > 12 and self.random.random() < 0.5:
            (length,) = struct.unpack("<I", content[-8:-4])
            before = max(0, len(content) - 8 - length)
            return self.random.randrange(before, len(content))
        return self.random.randrange(len(content) + 1)


def _flip(draw: _Draw, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.one_of((1, 2, 8))):
        place = draw.place(content)
        if place < len(changed):
            changed[place] ^= 1 << draw.random.randrange(8)
    return bytes(changed)


def _cut(draw: _Draw, content: bytes) -> bytes:
    return content[: draw.place(content)]


def _remove(draw: _Draw, content: bytes) -> bytes:
    start = draw.place(content)
    return content[:start] + content[start + draw.one_of((1, 4, 100)) :]


def _repeat(draw: _Draw, content: bytes) -> bytes:
    start, into = (draw.place(content) for _ in range(2))
    return content[:into] + content[start : start + draw.one_of((1, 8, 300))] + content[into:]


def _splice(draw: _Draw, content: bytes) -> bytes:
    """Continue with another file, from its own middle."""
    _, other = draw.one_of(list(_sound().values()))
    return content[: draw.place(content)] + other[draw.random.randrange(len(other)) :]


def _text(draw: _Draw, content: bytes) -> bytes:
    place, text = draw.place(content), draw.one_of(_TEXTS)
    return content[:place] + text + content[place + draw.one_of((0, len(text))) :]


def _number(draw: _Draw, content: bytes) -> bytes:
    """Write a number of a size that programs forget, as fixed bytes or as Thrift has it."""
    number = draw.one_of(_NUMBERS)
    if draw.random.random() < 0.5:
        written = struct.pack("<Q", number)[: draw.one_of((1, 2, 4, 8))]
    else:
        written = bytes((number >> shift) & 0x7F | 0x80 for shift in range(0, 63, 7)) + b"\x01"
    place = draw.place(content)
    return content[:place] + written + content[place + draw.one_of((1, len(written))) :]


def _zeros(draw: _Draw, content: bytes) -> bytes:
    place, size = draw.place(content), draw.one_of((1, 16, 512))
    return content[:place] + bytes(min(size, len(content) - place)) + content[place + size :]


def _length(draw: _Draw, content: bytes) -> bytes:
    """Change the length of the metadata."""
    if not draw.is_parquet or len(content) < 8:
        return content
    length = draw.one_of([0, 1, len(content), 2**31 - 1, 2**32 - 1, draw.random.randrange(5000)])
    return content[:-8] + struct.pack("<I", length) + content[-4:]


_CHANGES = (_flip, _flip, _cut, _remove, _repeat, _splice, _text, _number, _number, _zeros, _length)
