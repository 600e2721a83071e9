"""Symbols as markets write them: each names files of its own, in every room that takes a symbol.

Rule: the map from symbols to names of files can be reversed, gives no path, and gives two symbols
one name only where a disk ignores the case of letters; then the import refuses the second.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio import BacktestRequest
from glowback_trio.data import Catalogue, MemoryCatalogue
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.files.symbol_names import file_stem, symbol_of_stem
from glowback_trio.data.tools import ImportOptions, read_prices, target_path, write_prices
from glowback_trio.errors import DataError, InvalidRequestError
from glowback_trio.model.request import SYMBOL

AS_WRITTEN = [
    "M&M.NS",
    "BTC/USDT",
    "BTC/USDT:USDT",
    "NSE:RELIANCE",
    "BRK/B",
    "GC1!",
    "@ES#",
    "$SPX",
    "EURUSD+",
    "^GSPC",
    "ES=F",
    "O:SPY251219C00650000",
    "_XJO",
]
ROWS = "date,open,high,low,close,volume\n2024-01-02,1,2,1,2,5\n2024-01-03,2,3,2,3,5\n"

symbols = st.from_regex(SYMBOL, fullmatch=True)


def request_for(*names: str, **fields: object) -> BacktestRequest:
    dates = {"start_date": "2024-01-01", "end_date": "2024-12-31"}
    return BacktestRequest(symbols=names, **dates, **fields)  # type: ignore[arg-type]  # any field


@given(symbols)
def test_a_name_leads_back_to_its_symbol_and_never_to_another_directory(symbol: str) -> None:
    stem = file_stem(symbol)
    assert symbol_of_stem(stem) == symbol
    assert re.fullmatch(r"[A-Za-z0-9.^=_%-]+", stem)
    assert Path(stem).name == stem


@given(symbols, symbols)
def test_two_symbols_share_no_name_even_if_case_is_ignored(one: str, other: str) -> None:
    same = file_stem(one).casefold() == file_stem(other).casefold()
    assert same == (one.casefold() == other.casefold())


@pytest.mark.parametrize("symbol", AS_WRITTEN)
def test_a_symbol_is_imported_listed_loaded_and_adjusted_as_it_is_written(
    tmp_path: Path, symbol: str
) -> None:
    (tmp_path / "bought.csv").write_text(ROWS)
    [prices] = read_prices(tmp_path / "bought.csv", ImportOptions(symbol=symbol))
    data = tmp_path / "data"
    path = target_path(data, symbol, "day", "csv")
    assert path.parent == data
    write_prices(path, prices.bars)
    (data / f"{file_stem(symbol)}_factors.csv").write_text("date,price factor,split factor\n")
    catalogue = Catalogue(data)
    assert [one.symbol for one in catalogue.datasets() if one.source == "csv"] == [symbol]
    loaded = catalogue.load(request_for(symbol, adjustment="total"))
    assert loaded.bars[0].symbol == symbol
    assert loaded.bars[0].close.tolist() == [2, 3]
    [listed] = MemoryCatalogue([prices.bars]).datasets()
    assert listed.symbol == symbol


def test_names_made_by_hand_are_found_and_two_spellings_are_ambiguous(tmp_path: Path) -> None:
    (tmp_path / "M&M.NS_1d.csv").write_text(ROWS)
    assert Catalogue(tmp_path).load(request_for("M&M.NS")).bars[0].close.tolist() == [2, 3]
    (tmp_path / "M%26M.NS_1d.csv").write_text(ROWS)
    [problem] = Catalogue(tmp_path).problems(request_for("M&M.NS"))
    assert "M%26M.NS_1d.csv, M&M.NS_1d.csv; keep one of them" in problem.message


@pytest.mark.parametrize("name", ["A%2fB.csv", "A%2FB%.csv", "%41.csv", "..%2FA.csv", "%2FA.csv"])
def test_an_escape_that_is_not_needed_or_leads_elsewhere_names_no_symbol(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text(ROWS)
    directory = PriceDirectory.of(tmp_path)
    assert directory is not None
    assert not directory.symbols()


def test_names_that_differ_in_case_only_are_not_written_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "spy_1d.csv").write_text(ROWS)
    with pytest.raises(DataError, match=r"^SPY_1d\.csv and spy_1d\.csv are one file on a disk"):
        target_path(tmp_path, "SPY", "day", "csv", overwrite=True)


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("BRK B", "write 'BRK.B' instead"),
        ("/ES", "write 'ES' instead"),
        (".SPX", "write 'SPX' instead"),
        ("A,B", "write 'A.B' instead"),
        ("A%B", "write 'A.B' instead"),
        ("../../etc/passwd", "without '..' or '//'"),
        ("A" * 33, "without '..' or '//'"),
        ("", "without '..' or '//'"),
    ],
)
def test_a_refused_symbol_says_what_to_write_instead(given: str, advice: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        request_for(given)
    assert caught.value.problems[0].message.endswith(advice)


def test_bars_of_such_a_symbol_are_bars(tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text(
        "symbol,date,open,high,low,close,volume\n"
        "BTC/USDT,2024-01-02,1,1,1,1,1\nBTC/USDT,2024-01-03,1,1,1,1,1\n"
        "M&M.NS,2024-01-02,1,1,1,1,1\nM&M.NS,2024-01-03,1,1,1,1,1\n"
    )
    found = [one.bars.symbol for one in read_prices(tmp_path / "two.csv")]
    assert found == ["BTC/USDT", "M&M.NS"]
    assert np.array(found).dtype.kind == "U"
