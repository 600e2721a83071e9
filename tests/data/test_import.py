"""Imported prices: found by their columns, split by symbol, and written whole or not at all.

Rule: a file that was written is read back to the last bit, in either format.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.data.files.csv_file import read_csv
from glowback_trio.data.files.price_file import FileFormat
from glowback_trio.data.rows import clean
from glowback_trio.data.tools import ImportOptions, merged, read_prices, target_path, write_prices
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars

COLUMN_NAMES = ImportOptions({"time": "Trade Date", "close": "LAST", "symbol": "ticker"})
HEADER = "Ticker,Trade Date,Open,High,Low,Last,Volume\n"
ROWS = [
    "MSFT,2020-03-02,10,12,9,11,100\n",
    "IBM,2020-03-02,20,22,19,21,100\n",
    "MSFT,2020-03-04,10,12,9,11.5,100\n",
    "MSFT,2020-03-03,10,12,9,11.25,100\n",
    "IBM,2020-03-03,20,22,19,21.5,100\n",
]


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    path = tmp_path / "vendor.csv"
    path.write_text(HEADER + "".join(ROWS))
    return path


def test_a_column_of_symbols_splits_a_file(vendor: Path) -> None:
    ibm, msft = read_prices(vendor, COLUMN_NAMES)
    assert [one.bars.symbol for one in (ibm, msft)] == ["IBM", "MSFT"]
    assert msft.bars.close.tolist() == [11, 11.25, 11.5], "in the order of time"
    assert msft.quality.warnings == ("MSFT: 1 row out of order in time, which were sorted",)
    assert ibm.bars.close.tolist() == [21, 21.5]
    assert {one.resolution for one in (ibm, msft)} == {"day"}


def test_a_fault_of_one_symbol_is_named_by_its_line_in_the_whole_file(vendor: Path) -> None:
    vendor.write_text(HEADER + "".join(ROWS).replace("21.5", "-21.5"))
    with pytest.raises(DataError, match=r"^vendor\.csv, line 6, column 'close': .*, got -21\.5$"):
        list(read_prices(vendor, COLUMN_NAMES))


def test_a_file_without_symbols_takes_it_from_its_name_or_the_caller(tmp_path: Path) -> None:
    rows = "".join(f"2020-03-0{day},1,1,1,1,1\n" for day in (2, 3))
    for name in ("BRK.B_1d.csv", "BRK.B.csv"):
        (tmp_path / name).write_text("date,open,high,low,close,volume\n" + rows)
        [named], [given] = (
            read_prices(tmp_path / name, ImportOptions(symbol=symbol))
            for symbol in (None, "BERKSHIRE")
        )
        assert (named.bars.symbol, given.bars.symbol) == ("BRK.B", "BERKSHIRE")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "MS FT" + ROWS[0][4:] + "MS FT" + ROWS[2][4:], "'MS FT' is not a valid symbol"),
        (HEADER + ROWS[0], "too few rows of MSFT to infer their resolution"),
        (HEADER.replace("Last", "Close") + ROWS[0], "line 1: no column 'last'; the header is"),
        (HEADER.replace("Ticker", "Tick") + ROWS[0], "line 1: no column 'ticker'"),
        (HEADER + ROWS[0].replace("12", "x"), "line 2, column 'High': expected a number, got 'x'"),
    ],
)
def test_what_cannot_be_imported_says_why(vendor: Path, text: str, message: str) -> None:
    vendor.write_text(text)
    with pytest.raises(DataError) as caught:
        merged(read_prices(vendor, COLUMN_NAMES))
    assert str(caught.value).startswith("vendor.csv")
    assert message in str(caught.value)


def test_a_given_resolution_has_to_fit_the_rows(vendor: Path) -> None:
    vendor.write_text(HEADER + ROWS[0])
    [one] = read_prices(vendor, evolve(COLUMN_NAMES, resolution="hour"))
    assert one.resolution == "hour"
    (vendor.parent / "X.csv").write_text(
        "date,open,high,low,close,volume\n2020-03-02 09:30,1,1,1,1,1\n2020-03-02 09:31,1,1,1,1,1\n"
    )
    with pytest.raises(DataError, match=r"X\.csv \(X\) holds bars of resolution 'minute'; 'day'"):
        list(read_prices(vendor.parent / "X.csv", ImportOptions(resolution="day")))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_existing_files_are_not_overwritten_by_default(
    vendor: Path, tmp_path: Path, form: FileFormat
) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    prices = next(read_prices(vendor, COLUMN_NAMES))
    place = target_path(tmp_path / "new", "IBM", "day", form)
    assert place == tmp_path / "new" / f"IBM_1d.{form}"
    write_prices(place, prices.bars)
    before = place.read_bytes()
    with pytest.raises(DataError, match=r"^IBM_1d\.\w+ already exists and may not be overwritten$"):
        target_path(place.parent, "IBM", "day", form)
    with pytest.raises(DataError, match="cannot be written: File exists"):
        write_prices(place, prices.bars)
    assert place.read_bytes() == before
    assert target_path(place.parent, "IBM", "day", form, overwrite=True) == place
    write_prices(place, prices.bars, overwrite=True)
    assert [path.name for path in place.parent.iterdir()] == [place.name], (
        "no temporary file is left"
    )


def test_a_file_of_another_name_with_the_same_bars_is_refused(tmp_path: Path) -> None:
    (tmp_path / "IBM.csv").write_text("")
    for overwrite in (False, True):
        with pytest.raises(DataError, match=r"^IBM\.csv may hold the same bars as IBM_1d\.csv"):
            target_path(tmp_path, "IBM", "day", "csv", overwrite=overwrite)


def test_a_directory_that_cannot_be_created_is_an_error_that_names_the_file(
    vendor: Path, tmp_path: Path
) -> None:
    bars = next(read_prices(vendor, COLUMN_NAMES)).bars
    with pytest.raises(DataError, match=r"^IBM_1d\.csv cannot be written: "):
        write_prices(vendor / "IBM_1d.csv", bars)


price = st.floats(1e-300, 1e300)


@given(
    st.lists(
        st.tuples(st.integers(-(2**60), 2**60), price, st.floats(0.0, 1e300)),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row[0],
    ),
    st.sampled_from([1, 10**9, 86_400 * 10**9]),
)
def test_what_is_written_is_read_back_to_the_last_bit(
    folder: Path, rows: list[tuple[int, float, float]], step: int
) -> None:
    times, prices, volumes = zip(*sorted(rows), strict=True)
    time = np.unique(np.array(times) // step * step).astype("M8[ns]")
    column, volume = np.array(prices)[: len(time)], np.array(volumes)[: len(time)]
    bars = Bars("X", time, column, column, column, column, volume)
    write_prices(folder / "X_1d.csv", bars, overwrite=True)
    again, quality = clean(read_csv(folder / "X_1d.csv").rows("X"))
    assert again.digest() == bars.digest()
    assert quality.warnings == quality.critical == ()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")
