"""A file is limited by what it holds, and each refusal names the limit and both numbers.

Rule: a file at a limit is read, one beyond it is refused before its content is in memory. What a
file says of itself is not trusted: pages and batches are counted as well.
"""

from __future__ import annotations

import gzip
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from glowback_trio import BacktestRequest, Catalogue, FileLimits
from glowback_trio.data.files.csv_file import read_csv
from glowback_trio.data.files.factors import read_factors
from glowback_trio.data.files.provenance import read_provenance
from glowback_trio.data.tools import ImportOptions, read_prices
from glowback_trio.errors import DataError

HEADER = "date,open,high,low,close,volume"
ROWS = [f"2020-01-{day:02},10,12,9,11,100" for day in range(1, 11)]


def written(folder: Path, *lines: str, name: str = "X_1d.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def refusal(read: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(*arguments)
    return str(caught.value)


def test_rows_and_columns_and_lines_may_be_as_many_as_the_limits_say(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, *ROWS)
    longest = max(map(len, (HEADER, *ROWS)))
    exact = FileLimits(max_file_rows=10, max_file_columns=6, max_line_bytes=longest)
    assert len(read_csv(path, None, exact)) == 10
    for name, most, has in (
        ("max_file_rows", 9, "at least 10 rows"),
        ("max_file_columns", 5, "6 columns"),
        ("max_line_bytes", longest - 1, f"{longest} bytes"),
    ):
        message = refusal(read_csv, path, None, evolve(exact, **{name: most}))
        assert message.startswith("X_1d.csv")
        assert has in message
        assert message.endswith(f"; the limit {name} is {most}")


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_lines_end_as_any_system_ends_them(tmp_path: Path, line_break: str) -> None:
    path = tmp_path / "X_1d.csv"
    path.write_bytes(line_break.join([HEADER, *ROWS]).encode())
    limits = FileLimits(max_file_rows=10, max_line_bytes=60)
    assert len(read_csv(path, None, limits)) == 10
    assert "rows" in refusal(read_csv, path, None, evolve(limits, max_file_rows=8))


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n2020-01-01,10,12,9,11,{'1' * 5_000_000}\n",
        f"{HEADER},{'x' * 5_000_000}\n{ROWS[0]},1\n",
        f"{HEADER}\n{',' * 5_000_000}\n",
        "\0" * 5_000_000,
        f'{HEADER}\n2020-01-01,10,12,9,11,"' + "1\n" * 2_500_000,
    ],
    ids=["cell", "header", "commas", "NULs", "open quote"],
)
def test_a_monstrous_line_is_not_taken_into_memory(tmp_path: Path, content: str) -> None:
    path = tmp_path / "X_1d.csv"
    path.write_text(content)
    tracemalloc.start()
    try:
        message = refusal(read_csv, path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message.startswith("X_1d.csv")
    assert "limit" in message
    assert peak < 40 << 20, "a few chunks and lines of a megabyte each"


def test_a_quote_within_a_text_is_no_record_without_end(tmp_path: Path) -> None:
    rows = [f'{row},5" pipe' for row in ROWS]
    limits = FileLimits(max_line_bytes=60)
    table = read_csv(written(tmp_path, f"{HEADER},name", *rows), None, limits)
    assert len(table) == 10


def test_a_record_of_several_lines_counts_as_one_line(tmp_path: Path) -> None:
    row = ROWS[0].replace("11,100", '"11\n","100\n\n"')
    path = written(tmp_path, HEADER, row, *ROWS[1:])
    assert len(read_csv(path, None, FileLimits(max_line_bytes=60))) == 10
    many = written(tmp_path, HEADER, ROWS[0].replace(",11", ',"' + "11\n" * 50 + '"'))
    message = refusal(read_csv, many, None, FileLimits(max_line_bytes=60))
    assert message.startswith("X_1d.csv, line ")
    assert "a record has at least" in message


def test_many_columns_that_nobody_uses_take_memory_too(tmp_path: Path) -> None:
    more = ",".join(f"c{number}" for number in range(500))
    path = written(tmp_path, f"{HEADER},{more}", *(f"{row}{',x' * 500}" for row in ROWS))
    assert len(read_csv(path)) == 10
    message = refusal(read_csv, path, None, FileLimits(max_file_bytes=20_000))
    assert message.endswith("bytes when decoded; the limit max_file_bytes is 20,000")


def test_factors_and_provenance_have_limits(tmp_path: Path) -> None:
    factors = written(
        tmp_path, "date,price factor,split factor", "2020-01-01,1,1", name="X_factors.csv"
    )
    assert len(read_factors(factors, FileLimits(max_file_rows=1)).date) == 1
    assert "max_line_bytes" in refusal(read_factors, factors, FileLimits(max_line_bytes=20))
    stated = written(tmp_path, '{"source": "somebody"}', name="provenance.json")
    message = refusal(read_provenance, stated, FileLimits(max_metadata_bytes=10))
    assert message == (
        "provenance.json has 23 bytes of metadata; the limit max_metadata_bytes is 10"
    )


def test_a_run_and_the_listing_name_the_file_and_the_limit(tmp_path: Path) -> None:
    written(tmp_path, HEADER, *ROWS)
    written(tmp_path, HEADER, *ROWS[:3], name="Y_1d.csv")
    catalogue = Catalogue(tmp_path, allow_sample=False, file_limits=FileLimits(max_file_rows=5))
    why = "X_1d.csv has at least 10 rows; the limit max_file_rows is 5"
    assert [one.problem for one in catalogue.datasets()] == [why, None]
    request = BacktestRequest(symbols="X", start_date="2020-01-01", end_date="2020-01-31")
    assert refusal(catalogue.load, request) == why


@pytest.mark.parametrize("form", ["plain", "gzip", "zip"])
def test_an_import_is_limited_by_what_its_files_give(tmp_path: Path, form: str) -> None:
    text = "\n".join([HEADER, *ROWS, ""])
    content = text + "\n" * (4 << 20)
    path = tmp_path / "X.csv"
    match form:
        case "gzip":
            path.write_bytes(gzip.compress(content.encode()))
        case "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("X.csv", content)
        case _:
            path.write_text(content)

    def read(**limits: int) -> int:
        options = ImportOptions(limits=FileLimits(**limits))
        return sum(len(one.bars) for one in read_prices(path, options))

    assert read() == 10
    for limits in ({"max_file_bytes": 1 << 20}, {"max_file_rows": 5}, {"max_line_bytes": 10}):
        [(name, most)] = limits.items()
        with pytest.raises(DataError, match=f"^X.*; the limit {name} is {most:,}$"):
            read(**limits)
