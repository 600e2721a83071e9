"""Parquet files: the same prices as from CSV, and every bad cell is named by row and column."""

from __future__ import annotations

import datetime as dt
import decimal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glowback_trio.data import Catalogue, demo_path
from glowback_trio.data.files.csv_file import read_csv
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.files.parquet_file import read_parquet, write_parquet
from glowback_trio.data.files.table import PriceTable
from glowback_trio.data.rows import clean
from glowback_trio.errors import DataError, InvalidRequestError
from glowback_trio.extras import CALENDARS, PARQUET, Extra
from glowback_trio.model.request import BacktestRequest

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

DAYS = [dt.date(2020, 3, day) for day in range(2, 7)]
FINE: dict[str, Any] = {
    "open": [10.0] * 5,
    "high": [20.0] * 5,
    "low": [9.0] * 5,
    "close": [12.0, 13.0, 14.0, 15.0, 16.0],
    "volume": [100] * 5,
}


def written(folder: Path, name: str = "AAPL_1d.parquet", **columns: Any) -> Path:
    path = folder / name
    pq.write_table(
        pa.table({**({} if "Date" in columns else {"date": DAYS}), **FINE, **columns}), path
    )
    return path


def read(folder: Path, **columns: Any) -> PriceTable:
    return read_parquet(written(folder, **columns))


def error_of(folder: Path, **columns: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, **columns)
    assert str(folder) not in str(caught.value)
    return str(caught.value)


def asking(*symbols: str, **fields: Any) -> BacktestRequest:
    dates = {"start_date": "2020-03-02", "end_date": "2020-03-06"}
    return BacktestRequest(**({"symbols": symbols or ("AAPL",)} | dates | fields))


def test_the_shipped_prices_are_the_same_from_either_format(tmp_path: Path) -> None:
    for file in PriceDirectory.of(demo_path()).files():  # type: ignore[union-attr]  # it is there
        bars, _ = clean(file.read())
        write_parquet(tmp_path / f"{file.symbol}_1d.parquet", bars)
    request = BacktestRequest(
        symbols=("AAPL", "IBM", "SPY"), start_date="2015-01-01", end_date="2020-12-31"
    )
    from_csv, from_parquet = Catalogue(demo_path()).load(request), Catalogue(tmp_path).load(request)
    assert from_parquet.digest() == from_csv.digest()
    assert (from_csv.source, from_parquet.source) == ("csv", "parquet")
    assert from_parquet.quality == from_csv.quality


@pytest.mark.parametrize(
    "times",
    [
        pa.array(DAYS),
        pa.array(DAYS, pa.date64()),
        pa.array(DAYS).cast(pa.timestamp("s")),
        pa.array(DAYS).cast(pa.timestamp("ms", tz="UTC")),
        pa.array(DAYS).cast(pa.timestamp("ns")),
        pa.array([f"{day}T01:00:00+01:00" for day in DAYS]),
        pa.array([str(day) for day in DAYS], pa.large_string()),
        pa.array([str(day) for day in DAYS]).dictionary_encode(),
        pa.array([1583107200 + 86400 * n for n in range(5)], pa.int32()),
        pa.array([1583107200000 + 86400000 * n for n in range(5)], pa.uint64()),
    ],
    ids=lambda times: str(times.type),
)
def test_times_of_every_type_are_the_same_times(tmp_path: Path, times: Any) -> None:
    read_times = read(tmp_path, date=times).time
    assert read_times.dtype == "M8[ns]"
    assert (read_times == np.array(DAYS, "M8[ns]")).all()


def test_a_zone_is_read_as_what_it_means_in_utc(tmp_path: Path) -> None:
    noon = dt.datetime(2020, 3, 2, 12, tzinfo=dt.UTC)
    times = pa.array([noon + dt.timedelta(hours=n) for n in range(5)])
    table = read(tmp_path, date=times.cast(pa.timestamp("us", tz="America/New_York")))
    assert str(table.time[0]) == "2020-03-02T12:00:00.000000000"


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int8(), pa.decimal128(12, 2)])
def test_prices_of_every_type_of_number_are_read(tmp_path: Path, kind: Any) -> None:
    closes = pa.array([decimal.Decimal(n) for n in range(12, 17)], pa.decimal128(12, 2))
    table = read(tmp_path, close=closes.cast(kind), volume=pa.array([2**60 + 1] * 5))
    assert table.values.dtype == np.float64
    assert table.values[3].tolist() == [12, 13, 14, 15, 16]


def test_header_names_may_have_any_case_and_other_columns_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "AAPL_1d.parquet"
    names = {name.title(): column for name, column in FINE.items()}
    pq.write_table(pa.table({"note": ["x"] * 5, "Timestamp": DAYS, **names}), path)
    assert len(read_parquet(path)) == 5


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"open": [10.0, None, 1.0, 1.0, 1.0]},
            "row 2, column 'open': expected a number, got None",
        ),
        (
            {"low": [9.0, 9.0, float("nan"), 9.0, 9.0]},
            "row 3, column 'low': expected a number, got",
        ),
        ({"volume": ["1"] * 5}, "column 'volume': expected numbers, got 'string'"),
        ({"date": [*DAYS[:4], None]}, "row 5, column 'date': expected a date or time"),
        ({"date": [*map(str, DAYS[:4]), "x"]}, "row 5, column 'date': expected a date or time"),
        ({"date": [dt.date(1850, 1, 1), *DAYS[1:]]}, "row 1, column 'date': expected a date or"),
        ({"date": [1, 2, 3, None, 5]}, "row 4, column 'date': expected a date or time"),
        (
            {"date": [1.5] * 5},
            "column 'date': expected whole numbers, dates, times or texts, got 'double'",
        ),
        ({"symbol": [1] * 5}, "column 'symbol': expected texts, got 'int64'"),
        ({"symbol": ["AAPL", None] + ["AAPL"] * 3}, "row 2, column 'symbol': expected a text"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    assert error_of(tmp_path, **columns).startswith("AAPL_1d.parquet, " + message)


def test_rows_of_another_symbol_are_refused(tmp_path: Path) -> None:
    table = read(tmp_path, Symbol=["AAPL", " AAPL ", "AAPL", "MSFT", "AAPL"])
    with pytest.raises(DataError) as caught:
        table.rows("AAPL")
    assert str(caught.value) == (
        "AAPL_1d.parquet, row 4, column 'Symbol': expected 'AAPL', got 'MSFT'"
    )


def test_a_file_that_is_not_a_table_of_prices_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "AAPL_1d.parquet"
    for content in (b"", b"PAR1", b"date,open\n", b"PAR1" + b"x" * 100 + b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"^AAPL_1d\.parquet cannot be read as Parquet: "):
            read_parquet(path)
    pq.write_table(pa.table({"date": DAYS, "open": FINE["open"]}), path)
    with pytest.raises(DataError, match=r"^AAPL_1d\.parquet: no column 'high'; the header is \["):
        read_parquet(path)
    pq.write_table(pa.table({"date": DAYS, **FINE}).slice(0, 0), path)
    with pytest.raises(DataError, match="has columns but no rows"):
        read_parquet(path)
    with pytest.raises(DataError, match=r"^GONE\.parquet cannot be read: No such file"):
        read_parquet(tmp_path / "GONE.parquet")


def test_the_same_quality_is_found_and_impossible_prices_are_named_by_row(tmp_path: Path) -> None:
    written(tmp_path, volume=[-1] * 5, date=[DAYS[0], *DAYS[:4]])
    [quality] = Catalogue(tmp_path).load(asking()).quality
    assert (quality.negative_volume_rows, quality.duplicate_timestamps) == (5, 1)
    written(tmp_path, low=[9.0, 9.0, 0.0, 9.0, 9.0])
    with pytest.raises(DataError) as caught:
        Catalogue(tmp_path).load(asking())
    assert str(caught.value) == (
        "AAPL_1d.parquet, row 3, column 'low': expected a price above 0, got 0.0"
    )


def test_a_source_names_a_format_and_default_means_both(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "MSFT_1d.csv").write_text(
        "date,open,high,low,close,volume\n" + "".join(f"{day},1,1,1,1,1\n" for day in DAYS)
    )
    catalogue = Catalogue(tmp_path)
    assert catalogue.load(asking("AAPL", data_source="parquet")).source == "parquet"
    assert catalogue.load(asking("MSFT", data_source="csv")).source == "csv"
    assert catalogue.load(asking("MSFT", "AAPL")).source == "default"
    for symbol, source in (("AAPL", "csv"), ("MSFT", "parquet")):
        with pytest.raises(InvalidRequestError, match=f"No prices for symbol '{symbol}'"):
            catalogue.load(asking(symbol, data_source=source))


def test_one_symbol_in_both_formats_is_refused_where_both_are_meant(tmp_path: Path) -> None:
    path = written(tmp_path)
    rows = clean(read_parquet(path).rows("AAPL"))[0]
    (tmp_path / "AAPL.csv").write_text(
        "date,open,high,low,close,volume\n"
        + "".join(f"{day},1,1,1,1,1\n" for day in rows.time.astype("M8[D]"))
    )
    assert len(read_csv(tmp_path / "AAPL.csv")) == 5
    [problem] = Catalogue(tmp_path).problems(asking())
    assert "AAPL.csv, AAPL_1d.parquet; keep one of them" in problem.message
    assert Catalogue(tmp_path).load(asking(data_source="parquet")).source == "parquet"


def test_parquet_files_are_listed(tmp_path: Path) -> None:
    written(tmp_path)
    [listed] = Catalogue(tmp_path, allow_sample=False).datasets()
    assert (listed.symbol, listed.source, listed.resolution, listed.rows) == (
        *("AAPL", "parquet", "day"),
        5,
    )


def test_a_small_file_is_no_large_request_over_a_wide_range(tmp_path: Path) -> None:
    size = written(tmp_path, "AAPL_1h.parquet").stat().st_size
    wide = asking(start_date="1900-01-01", end_date="2200-12-31", resolution="hour")
    assert list(Catalogue(tmp_path, max_rows=size + 1).problems(wide)) == []


@pytest.mark.parametrize("extra", [PARQUET, CALENDARS])
def test_a_missing_extra_says_how_to_install_it(extra: Extra) -> None:
    absent = Extra("no_package_of_this_name", extra.purpose)
    assert extra.is_installed
    assert not absent.is_installed
    with pytest.raises(DataError) as caught:
        absent.load("no_package_of_this_name.part")
    assert str(caught.value).endswith("which is not installed: pip install no-package-of-this-name")


def test_an_extra_that_cannot_be_imported_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outdated_package.py").write_text('raise ImportError("needs something newer")\n')
    monkeypatch.syspath_prepend(tmp_path)
    outdated = Extra("outdated_package", "Parquet files")
    with pytest.raises(DataError, match="outdated_package cannot be used here: needs something"):
        outdated.load("outdated_package")


def test_without_pyarrow_a_request_is_refused_before_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path)
    catalogue = Catalogue(tmp_path, allow_sample=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # Python's way to say: not installed
    [problem] = catalogue.problems(asking(data_source="parquet"))
    assert problem.path == ("data_source",)
    assert "pip install pyarrow" in problem.message
    [listed] = catalogue.datasets()
    assert "pip install pyarrow" in str(listed.problem)
