"""Tables are written some rows at a time, and the text does not show where it was cut.

Doctrine: tables of every kind of column are written in batches of every size, and compared with
what a plain encoder makes of the rows.
"""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.wire.json_text import dumps, iso_times
from glowback_trio.wire.rows import Columns, Which, rows
from glowback_trio.wire.tables import Table, csv_chunks, joined, json_chunks, ndjson_chunks

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ROWS = st.lists(
    st.tuples(
        st.datetimes().map(lambda moment: np.datetime64(moment, "ns"))
        | st.integers(0, 2**32).map(lambda second: np.datetime64(second, "s")),
        st.floats(),
        TEXT,
        TEXT | st.none(),
    ),
    max_size=9,
)


def table_of(cells: list[tuple[Any, ...]]) -> Table:
    def columns(which: Which) -> Columns:
        assert isinstance(which, slice)
        some = cells[which]
        return {
            "time": np.array([cell[0] for cell in some], "datetime64[ns]"),
            "number": np.array([cell[1] for cell in some], float),
            "text": [cell[2] for cell in some],
            "remark": [cell[3] for cell in some],
        }

    return Table(len(cells), columns)


def counting(count: int) -> Table:
    return Table(count, lambda which: {"n": np.arange(float(count))[which]})


@given(ROWS)
def test_json_equals_rows_encoded_as_python_objects(cells: list[tuple[Any, ...]]) -> None:
    table = table_of(cells)
    assert b"".join(json_chunks(table)) == dumps(list(rows(table.columns(slice(None)))))


@given(ROWS)
def test_a_line_is_the_row_of_the_json_array(cells: list[tuple[Any, ...]]) -> None:
    table = table_of(cells)
    lines = b"".join(ndjson_chunks(table)).splitlines(keepends=True)
    assert all(line.endswith(b"\n") for line in lines)
    array = b",".join(line.removesuffix(b"\n") for line in lines)
    assert b"[%b]" % array == b"".join(json_chunks(table))


@given(ROWS)
def test_csv_is_read_back_exactly(cells: list[tuple[Any, ...]]) -> None:
    text = b"".join(csv_chunks(table_of(cells))).decode()
    head, *read = csv.reader(io.StringIO(text, newline=""))
    assert head == ["time", "number", "text", "remark"]
    assert len(read) == len(cells)
    for (time, number, words, remark), row in zip(cells, read, strict=True):
        assert row[0] == iso_times(np.array([time], "datetime64[ns]"))[0]
        assert row[1] == "" if not math.isfinite(number) else float(row[1]) == number
        assert row[2:] == [words, remark or ""]


@pytest.mark.parametrize("count", [0, 1, 511, 512, 513, 3000])
def test_where_a_table_is_cut_does_not_show(count: int) -> None:
    table, numbers = counting(count), [float(n) for n in range(count)]
    assert [row["n"] for row in orjson.loads(b"".join(json_chunks(table)))] == numbers
    lines = b"".join(ndjson_chunks(table)).splitlines()
    assert [json.loads(line)["n"] for line in lines] == numbers
    head, *cells = b"".join(csv_chunks(table)).decode().splitlines()
    assert (head, [float(cell) for cell in cells]) == ("n", numbers)


def test_rows_that_were_picked_are_those_rows() -> None:
    picked = counting(5000).picked(np.array([0, 7, 2000, 4999]))
    assert len(picked) == 4
    assert orjson.loads(b"".join(json_chunks(picked))) == [
        {"n": 0.0},
        {"n": 7.0},
        {"n": 2000.0},
        {"n": 4999.0},
    ]


def test_no_more_rows_are_made_than_a_reader_takes() -> None:
    read: list[slice] = []

    def columns(which: Which) -> Columns:
        assert isinstance(which, slice)
        read.append(which)
        return {"n": np.arange(1e6)[which]}

    chunks = json_chunks(Table(1_000_000, columns))
    assert next(chunks) == b"["
    assert read == []
    assert orjson.loads(b"[" + next(chunks) + b"]")[-1] == {"n": read[0].stop - 1.0}
    assert len(read) == 1


@given(st.lists(st.integers(0, 100_000), max_size=9))
def test_short_chunks_are_joined_and_nothing_is_lost(sizes: list[int]) -> None:
    chunks = [bytes([number]) * size for number, size in enumerate(sizes)]
    together = list(joined(chunks))
    assert b"".join(together) == b"".join(chunks)
    assert all(64 * 1024 <= len(chunk) <= 164 * 1024 for chunk in together[:-1])
    assert all(together)
