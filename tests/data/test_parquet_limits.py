"""What Parquet files hold is known before it is decoded, from metadata and from page headers.

Rule: files that hold more than the limits are refused within little memory, whichever part of them
tells the truth.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glowback_trio import FileLimits
from glowback_trio.data.files.parquet_file import read_parquet
from glowback_trio.errors import DataError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

ROWS = 5_000


def table(rows: int = ROWS, **columns: Any) -> Any:
    times = np.datetime64("2016-01-04", "ns") + np.arange(rows).astype("m8[D]").astype("m8[ns]")
    prices = {name: np.full(rows, 10.0) for name in ("open", "high", "low", "close", "volume")}
    return pa.table({"timestamp": times, **prices, **columns})


def written(folder: Path, content: Any, **options: Any) -> Path:
    path = folder / "X_1d.parquet"
    pq.write_table(content, path, compression="zstd", **options)
    return path


def refusal(path: Path, **limits: int) -> str:
    with pytest.raises(DataError) as caught:
        read_parquet(path, None, FileLimits(**limits))
    return str(caught.value)


@pytest.mark.parametrize(
    ("limit", "most", "has"),
    [
        ("max_file_rows", ROWS - 1, "5,000 rows"),
        ("max_file_columns", 5, "6 columns"),
        ("max_file_bytes", 6 * 8 * ROWS - 1, "at least "),
        ("max_metadata_bytes", 100, "bytes of metadata"),
    ],
)
def test_metadata_are_held_against_the_limits(
    tmp_path: Path, limit: str, most: int, has: str
) -> None:
    path = written(tmp_path, table(), row_group_size=1_000)
    assert len(read_parquet(path)) == ROWS
    message = refusal(path, **{limit: most})
    assert message.startswith(f"X_1d.parquet has {has}") or has in message
    assert message.endswith(f"the limit {limit} is {most:,}")


@pytest.mark.parametrize("schema", [True, False])
def test_a_text_that_a_dictionary_repeats_is_held_once(tmp_path: Path, *, schema: bool) -> None:
    long = "X" * 1_000_000
    indices = pa.array(np.zeros(3_000, "i4"))
    symbols = pa.DictionaryArray.from_arrays(indices, pa.array([long]))
    path = written(tmp_path, table(3_000, symbol=symbols), store_schema=schema)
    before = pa.total_allocated_bytes()
    read = read_parquet(path)
    with pytest.raises(DataError, match=r"row 1, column 'symbol': expected 'X', got 'XXXX"):
        read.rows("X")
    assert pa.total_allocated_bytes() - before < 20 << 20


@pytest.mark.parametrize(
    "column",
    [pa.array([[1.0]] * ROWS), pa.array([{"a": 1.0}] * ROWS), pa.array([b"1"] * ROWS)],
    ids=["list", "struct", "bytes"],
)
def test_nested_columns_are_refused_and_not_read(tmp_path: Path, column: Any) -> None:
    path = written(tmp_path, table().set_column(1, "open", column))
    assert refusal(path).startswith(
        "X_1d.parquet, column 'open': expected dates, times, numbers or texts, got "
    )
    other = written(tmp_path, table().append_column("more", column))
    assert len(read_parquet(other)) == ROWS, "nobody reads that column"


def test_a_page_that_decodes_to_more_than_the_metadata_say_is_found(tmp_path: Path) -> None:
    path = written(tmp_path, table(), use_dictionary=False)
    chunk = pq.read_metadata(path).row_group(0).column(1)
    content = bytearray(path.read_bytes())
    start = chunk.data_page_offset
    assert content[start : start + 3] == b"\x15\x00\x15", "type of page, then its decoded size"
    size = zigzag(content, start + 3)
    assert size >= 8 * ROWS
    # Numbers of the same length in bytes, so that nothing else moves.
    content[start + 3 : start + 6] = varint(1_000_000)
    path.write_bytes(content)
    message = refusal(path, max_file_bytes=500_000)
    assert message.startswith("X_1d.parquet has at least 1,000,0")
    assert message.endswith("the limit max_file_bytes is 500,000")


def test_pages_without_end_are_not_looked_at(tmp_path: Path) -> None:
    path = written(tmp_path, table(1), use_dictionary=False, write_statistics=False)
    chunk = pq.read_metadata(path).row_group(0).column(0)
    content = bytearray(path.read_bytes())
    start = chunk.data_page_offset
    # The smallest header there is: no type, nothing decoded, nothing stored.
    pages = (b"\x25\x00\x15\x00\x00" * chunk.total_compressed_size)[: chunk.total_compressed_size]
    content[start : start + len(pages)] = pages
    path.write_bytes(content)
    assert refusal(path) == ("X_1d.parquet cannot be read as Parquet: it has pages without values")


def zigzag(content: bytearray, start: int) -> int:
    result = shift = 0
    while True:
        result |= (content[start] & 0x7F) << shift
        if content[start] < 0x80:
            return result >> 1
        start, shift = start + 1, shift + 7


def varint(number: int) -> bytes:
    folded, result = number << 1, b""
    while folded >= 0x80:
        result += bytes([folded & 0x7F | 0x80])
        folded >>= 7
    return result + bytes([folded])


def test_metadata_that_promise_a_list_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "X_1d.parquet"
    # Field 2, the schema: a list of structures, as many as there are numbers.
    metadata = b"\x15\x04\x19\xfc" + varint(2**30)[:5] + b"\x00" * 20
    path.write_bytes(b"PAR1" + metadata + struct.pack("<I", len(metadata)) + b"PAR1")
    assert refusal(path).startswith("X_1d.parquet cannot be read")
