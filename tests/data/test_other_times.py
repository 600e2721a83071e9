"""Numbers that look like times and are not, and times in two columns.

Rule: what means something else is refused with what it looks like, in CSV, in Parquet and in
arrays; a date and a time of day beside it are one time, never half of it.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glowback_trio import BacktestRequest, Bars, Execution
from glowback_trio.data import Catalogue
from glowback_trio.data.files.csv_file import read_csv
from glowback_trio.data.files.parquet_file import read_parquet
from glowback_trio.data.files.table import PriceTable
from glowback_trio.errors import DataError

OTHERS = [
    ([20230320, 20230321], "dates written as one number (20230320 for 2023-03-20)"),
    ([202303200930, 202303200931], "(202303200930 for 2023-03-20 09:30:00)"),
    ([20230320093000, 20230320093100], "(20230320093000 for 2023-03-20 09:30:00)"),
    ([45005, 45006], "serial numbers of days, as spreadsheets store them (45005 for 2023-03-20)"),
    ([0, 1, 2], "numbers of rows, got"),
    ([19436, 19437], "numbers of rows or of days or hours since 1970"),
    ([466464, 466465], "numbers of rows or of days or hours since 1970"),
    ([27987840, 27987845], "minutes since 1970 (27987840 for 2023-03-20T00:00Z)"),
    ([2021, 2022, 2023], "years"),
]
#: 2023-03-20T09:30:00Z in each unit.
COUNTS = [1679304600 * 10**zeros for zeros in (0, 3, 6, 9)]


def csv(folder: Path, times: list[Any], name: str = "date") -> PriceTable:
    path = folder / "X_1d.csv"
    rows = "".join(f"{time},1,1,1,1,1\n" for time in times)
    path.write_text(f"{name},open,high,low,close,volume\n{rows}")
    return read_csv(path)


def parquet(folder: Path, **columns: Any) -> PriceTable:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = folder / "X_1d.parquet"
    rows = len(next(iter(columns.values())))
    prices = {name: [1.0] * rows for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({**columns, **prices}), path)
    return read_parquet(path)


@pytest.mark.parametrize(("times", "looks_like"), OTHERS)
def test_a_column_that_means_something_else_is_refused_with_what_it_looks_like(
    tmp_path: Path, times: list[int], looks_like: str
) -> None:
    for read in (partial(csv, times=times), partial(parquet, date=times)):
        with pytest.raises(DataError) as caught:
            read(tmp_path)
        assert looks_like in str(caught.value)
        assert f"got {times[0]}" in str(caught.value).replace("'", "")


@pytest.mark.parametrize("count", COUNTS)
def test_a_count_is_read_in_the_unit_of_its_size(tmp_path: Path, count: int) -> None:
    meant = np.datetime64("2023-03-20T09:30", "ns")
    later = count + count // 1679304600
    for table in (csv(tmp_path, [count, later]), parquet(tmp_path, date=[count, later])):
        assert table.stamps.time.tolist() == [meant.item(), (meant + np.timedelta64(1, "s")).item()]


def test_one_column_may_change_its_unit(tmp_path: Path) -> None:
    table = csv(tmp_path, COUNTS)
    assert (table.stamps.time == np.datetime64("2023-03-20T09:30")).all()


def test_counts_before_and_after_1970_are_times(tmp_path: Path) -> None:
    days = [-86_400, 0, 86_400, 20_000_000]
    assert csv(tmp_path, days).stamps.time.astype("M8[D]").astype(int).tolist() == [-1, 0, 1, 231]


@pytest.mark.parametrize("count", [10**14 - 1, 2**63 - 1, -(2**62), 9999999999999999999])
def test_a_count_outside_the_years_is_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(DataError, match="line 2, column 'date': expected a date or time"):
        csv(tmp_path, [count, count])


def test_a_date_and_a_time_of_day_are_one_time(tmp_path: Path) -> None:
    meant = ["2023-03-20T09:30", "2023-03-20T10:30"]
    table = csv(tmp_path, ["2023-03-20,09:30:00", "2023-03-20,10:30:00"], name="Date,Time")
    assert np.datetime_as_string(table.stamps.time, unit="m").tolist() == meant
    assert table.stamps.is_local
    clock = [dt.time(9, 30), dt.time(10, 30)]
    days = [dt.date(2023, 3, 20)] * 2
    for times in (clock, ["09:30", "10:30"]):
        table = parquet(tmp_path, Date=days, Time=times)
        assert np.datetime_as_string(table.stamps.time, unit="m").tolist() == meant
    # In a column with both, nothing is to be joined.
    table = csv(tmp_path, ["2023-03-20T09:30,x"], name="timestamp,Time")
    assert np.datetime_as_string(table.stamps.time, unit="m").tolist() == meant[:1]


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.float64, None])
def test_bars_take_no_numbers_for_times(kind: Any) -> None:
    column = [1.0, 1.0]
    times: Any = [20230320, 20230321] if kind is None else np.array([20230320, 20230321], kind)
    with pytest.raises(DataError, match="bar times should be datetime64, not numbers of type"):
        Bars("X", times, column, column, column, column, column)  # type: ignore[arg-type]  # lists


def test_volumes_that_are_not_known_are_said_and_refused_where_they_are_needed(
    tmp_path: Path,
) -> None:
    rows = [f"2023-03-{day},1,1,1,1\n" for day in (20, 21, 22)]
    (tmp_path / "X_1d.csv").write_text("date,open,high,low,close\n" + "".join(rows))
    rows = [f"2023-03-{day},1,1,1,1,{n}\n" for day, n in ((20, 5), (21, "N/A"), (22, ""))]
    (tmp_path / "Y_1d.csv").write_text("date,open,high,low,close,volume\n" + "".join(rows))
    dates = {"start_date": "2023-03-01", "end_date": "2023-03-31"}
    loaded = Catalogue(tmp_path).load(BacktestRequest(symbols=("X", "Y"), **dates))  # type: ignore[arg-type]  # texts
    assert [np.isnan(bars.volume).tolist() for bars in loaded.bars] == [
        [True] * 3,
        [False, True, True],
    ]
    assert [one.warnings for one in loaded.quality] == [
        ("X: 3 rows without a volume, which is recorded as unknown",),
        ("Y: 2 rows without a volume, which is recorded as unknown",),
    ]
    for setting in ({"max_volume_participation": 0.5}, {"slippage_volume_impact": 0.1}):
        with pytest.raises(
            DataError, match=f"execution.{next(iter(setting))} needs volumes, and X"
        ):
            Catalogue(tmp_path).load(
                BacktestRequest(symbols=("X",), execution=Execution(**setting), **dates)  # type: ignore[arg-type]  # a dict
            )


def test_an_index_without_a_name_is_the_time(tmp_path: Path) -> None:
    assert csv(tmp_path, ["2023-03-20", "2023-03-21"], name="").stamps.is_local
    days = [dt.date(2023, 3, 20)] * 2
    assert len(parquet(tmp_path, __index_level_0__=days).stamps) == 2


def test_decimals_categories_and_empty_volumes_of_parquet_are_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = parquet(
        tmp_path,
        date=pa.array(["2023-03-20", "2023-03-21"]).dictionary_encode(),
        volume=pa.array([5, None]).dictionary_encode(),
    )
    assert table.values[4].tolist()[:1] == [5]
    assert np.isnan(table.values[4, 1])
