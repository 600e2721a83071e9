"""CSV files: every number is read as written, and every bad cell is named by line and column.

Rule: the fast parser and the careful one agree on every file, by property tests over random texts.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.data.files.csv_file import (
    _Budget,
    _read_at_once,
    _read_by_cell,
    _read_header,
    read_csv,
)
from glowback_trio.data.reading.csv_scan import scan_csv
from glowback_trio.data.reading.limits import DEFAULT_LIMITS
from glowback_trio.data.reading.unchanged_file import OpenedFile, read_unchanged
from glowback_trio.data.rows import Rows
from glowback_trio.errors import DataError

HEADER = "date,open,high,low,close,volume\n"
GOOD = "2020-01-02,10,12,9,11,100\n"


def read(folder: Path, content: str | bytes, symbol: str = "AAPL") -> Rows:
    file = folder / "AAPL_1d.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_csv(file).rows(symbol)


def dates_of(rows: Rows) -> list[str]:
    return [str(date) for date in rows.time.astype("M8[D]")]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prices")


prices = st.floats(min_value=1e-300, max_value=1e300) | st.sampled_from(
    [150.07, 0.03, 0.1, 1e-5, 123456789.123456, 5e-324, 1.7976931348623157e308]
)
table = st.lists(st.tuples(prices, prices, prices, prices, prices), min_size=1, max_size=30)
quoting: st.SearchStrategy[Literal[0, 1, 2]] = st.sampled_from(
    [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]
)


@given(table, quoting, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_prices_are_read_exactly_as_they_were_written(
    folder: Path, cells: list[tuple[float, ...]], quoted: Literal[0, 1, 2], line_end: str, mark: str
) -> None:
    dates = np.datetime_as_string(np.datetime64("2020-01-01") + np.arange(len(cells)))
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoted, lineterminator=line_end)
    writer.writerow(HEADER.strip().split(","))
    writer.writerows([date, *row] for date, row in zip(dates.tolist(), cells, strict=True))
    rows = read(folder, mark + text.getvalue())
    assert [tuple(row) for row in rows.values.T.tolist()] == cells
    assert dates_of(rows) == dates.tolist()


def test_a_price_with_two_decimals_loses_nothing(tmp_path: Path) -> None:
    rows = read(tmp_path, HEADER + "2020-01-02,150.07,150.07,0.03,0.03,1234.5\n")
    assert rows.values[:, 0].tolist() == [150.07, 150.07, 0.03, 0.03, 1234.5]


@pytest.mark.parametrize("name", ["timestamp", "Date", "DATETIME", " time "])
def test_header_names_may_be_written_any_way(tmp_path: Path, name: str) -> None:
    rows = read(tmp_path, f"Volume,{name},OPEN, High ,low,Close\n7,2020-01-02,1,4,0.5,2\n")
    assert rows.values[:, 0].tolist() == [1, 4, 0.5, 2, 7]


def test_other_columns_and_blank_lines_are_ignored(tmp_path: Path) -> None:
    text = (
        "\n"
        "symbol,date,open,high,low,close,volume,note\n"
        "\n"
        'AAPL,2020-01-02,1,4,0.5,2,7,"a, b"\n'
        "   \n"
        ",,,,,,,\n"
        "AAPL,2020-01-03,1,4,0.5,3,7,Ünïcode 東京\n"
        "\n"
    )
    rows = read(tmp_path, text)
    assert rows.values[3].tolist() == [2, 3]
    assert [rows.locate(number) for number in (0, 1)] == ["line 4", "line 7"]


def test_a_quoted_cell_may_hold_a_line_break(tmp_path: Path) -> None:
    text = "date,open,high,low,close,volume,note\n"
    text += '2020-01-02,1,2,1,2,3,"one\ntwo"\n2020-01-03,1,2,1,2,3,x\n'
    assert dates_of(read(tmp_path, text)) == ["2020-01-02", "2020-01-03"]
    with pytest.raises(DataError, match=r"^AAPL_1d\.csv, line 4, column 'close': .*got 'x'$"):
        read(tmp_path, text.replace("2020-01-03,1,2,1,2", "2020-01-03,1,2,1,x"))


def test_one_file_may_have_timestamps_of_different_forms(tmp_path: Path) -> None:
    text = HEADER + GOOD + "2020-01-03 09:30:00,1,2,1,2,3\n" + "1578182400,1,2,1,2,3\n"
    assert dates_of(read(tmp_path, text)) == ["2020-01-02", "2020-01-03", "2020-01-05"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2020-01-03,abc,12,9,11,100", "column 'open': expected a number, got 'abc'"),
        ("2020-01-03,10,,9,11,100", "column 'high': expected a number, got ''"),
        ("2020-01-03,10,12,nan,11,100", "column 'low': expected a number, got 'nan'"),
        ("2020-01-03,10,12,9,inf,100", "column 'close': expected a number, got 'inf'"),
        ("2020-01-03,10,12,9,1e999,100", "column 'close': expected a number, got '1e999'"),
        ("2020-01-03,10,12,9,11,1_000", "column 'volume': expected a number, got '1_000'"),
        ("2020-01-03,0x10,12,9,11,100", "column 'open': expected a number, got '0x10'"),
        ('2020-01-03,"1,000",12,9,11,100', "column 'open': expected a number, got '1,000'"),
        ("2020-02-30,10,12,9,11,100", "column 'date': expected a date or time"),
        ("20200103,10,12,9,11,100", "column 'date': expected a date or time"),
        (",10,12,9,11,100", "column 'date': expected a date or time"),
        ("2020-01-03,10,12,9,11", "expected 6 cells, got 5"),
        ("2020-01-03,10,12,9,11,1,000", "expected 6 cells, got 7"),
    ],
)
def test_a_bad_row_is_named_by_line_and_column(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, f"{HEADER}{GOOD}\n{GOOD}{row}\n{GOOD}")
    where, found, _ = str(caught.value).partition(message)
    assert found
    assert where.startswith("AAPL_1d.csv, line 5")
    assert str(tmp_path) not in str(caught.value)


def test_the_first_of_several_bad_cells_is_the_one_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 3, column 'low': .* got 'y'"):
        read(tmp_path, HEADER + GOOD + "2020-01-03,1,2,y,x,1\nz,1,2,1,2,1\n")


def test_a_long_offending_text_is_cut(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, HEADER + f"2020-01-03,{'9x' * 5000},2,1,2,1\n")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "AAPL_1d.csv is empty; expected a header and rows"),
        ("\n\n", "AAPL_1d.csv is empty; expected a header and rows"),
        (HEADER, "AAPL_1d.csv has a header but no rows"),
        (GOOD, "line 1: no column 'timestamp' or 'date'"),
        ("date,open,high,low,volume\n", "line 1: no column 'close'"),
        ("date,open,open,high,low,close,volume\n", "line 1: column 'open' appears more than once"),
        ("date;open;high;low;close;volume\n", "line 1: no column 'timestamp' or 'date'"),
        (HEADER + '2020-01-02,1,2,1,2,"3\n', "line 2: unexpected end of data"),
        ((HEADER + GOOD).encode("utf-16"), "not UTF-8 text"),
        (HEADER.encode() + GOOD.encode() * 2 + b"\xff\xfe\n", "not UTF-8 text"),
    ],
)
def test_a_file_that_is_not_a_table_of_prices_is_refused(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    assert message in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (HEADER.encode() + GOOD.encode() * 2 + b"2020-01-04,1,2,\xff,2,3\n", "line 4, byte 16"),
        (HEADER.encode() + GOOD.encode() * 9000 + b"\xe2\x82\n", "line 9002, byte 1"),
        ((HEADER + GOOD).encode("utf-16"), "line 1, byte 1"),
        (b"\xef\xbb\xbf" + HEADER.encode("latin-1").replace(b"low", b"l\xf6w"), "line 1, byte 20"),
    ],
)
def test_bytes_that_are_not_utf8_are_named_by_line_and_byte(
    tmp_path: Path, content: bytes, where: str
) -> None:
    with pytest.raises(DataError, match=rf"^AAPL_1d\.csv, {where}: not UTF-8 text \("):
        read(tmp_path, content)


def test_rows_of_another_symbol_are_refused(tmp_path: Path) -> None:
    text = "symbol,date,open,high,low,close,volume\nAAPL,2020-01-02,1,2,1,2,3\n"
    assert len(read(tmp_path, text)) == 1
    with pytest.raises(DataError, match="line 3, column 'symbol': expected 'AAPL', got 'MSFT'"):
        read(tmp_path, text + "MSFT,2020-01-03,1,2,1,2,3\n")


def test_a_short_first_row_is_a_bad_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2: expected 6 cells, got 1"):
        read(tmp_path, "open,high,low,close,volume,date\n1\n")


def test_a_file_that_cannot_be_opened_is_named_without_its_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_csv(tmp_path / "GONE.csv")
    assert str(caught.value) == "GONE.csv cannot be read: No such file or directory"


texts = st.text(alphabet='0123456789.,-+eE"\n\r naif:TZ_x', max_size=60)


@given(texts)
def test_any_text_gives_rows_or_a_data_error(folder: Path, text: str) -> None:
    try:
        rows = read(folder, HEADER + GOOD + text)
    except DataError:
        return
    assert np.isfinite(rows.values).all()
    assert len(rows) >= 1


good = ("1", " 2.5", "3e2", "+4", "-5", ".5", "6.", '"7"', '" 8 "')
odd = ("", " ", "nan", "1_0", "0x1", "1e999", "\u0661", "\u2007", "1\x00", "1d", "1e", "x", "1,1")
cells = st.lists(st.sampled_from(good), min_size=5, max_size=5)


@given(st.lists(cells, min_size=1, max_size=3), st.sampled_from(good + odd))
def test_the_fast_parser_agrees_with_the_careful_one(
    folder: Path, written: list[list[str]], last: str
) -> None:
    file = folder / "AAPL_1d.csv"
    rows = ["2020-01-02," + ",".join(row) for row in [*written, [*written[0][:4], last]]]
    file.write_text(HEADER + "\n".join(rows), encoding="utf-8")
    first = next(csv.reader(rows[:1]))

    def compare(opened: OpenedFile) -> None:
        header = _read_header(opened, DEFAULT_LIMITS, {})
        budget = _Budget(DEFAULT_LIMITS, scan_csv(opened, DEFAULT_LIMITS))
        try:
            stamps, values, _ = _read_at_once(opened, header, first, budget)
        except ValueError:
            assert last in odd, "what is refused at once is read carefully, and slowly"
            return
        careful_stamps, careful_values, _ = _read_by_cell(opened, header, DEFAULT_LIMITS)
        assert (stamps.time == careful_stamps.time).all()
        assert (values == careful_values).all()

    read_unchanged(file, compare)
