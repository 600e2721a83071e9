"""A directory served as it was bought: what is not read is named with what to do.

Rule: a file that seems to hold prices is never passed over in silence, by no command and no route;
a file that does not is not mentioned.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from glowback_trio import BacktestRequest
from glowback_trio.data import Catalogue
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.near_misses import near_misses
from glowback_trio.data.tools import Inspection

ROWS = "Date,Open,High,Low,Close,Volume\n2024-01-02,1,2,1,2,5\n"
IMPORT = "import it with glowback-trio data import"

MISSES = [
    ("AAPL.CSV", "AAPL", "rename it to AAPL.csv"),
    ("AAPL_1d.Csv", "AAPL", "rename it to AAPL_1d.csv"),
    ("AAPL.PARQUET", "AAPL", "rename it to AAPL.parquet"),
    ("AAPL_1h.pq", "AAPL", "rename it to AAPL_1h.parquet"),
    ("MSFT_1d.csv.gz", "MSFT", f"it is compressed; {IMPORT} MSFT_1d.csv.gz"),
    ("BTCUSDT-1m-2024-01.zip", "BTCUSDT-1m-2024-01", "it is compressed; "),
    ("SPY Historical Data.csv", "SPY", f"{IMPORT} 'SPY Historical Data.csv'"),
    ("AAPL (1).csv", "AAPL", f"{IMPORT} 'AAPL (1).csv'"),
    ("aapl.us.txt", "aapl.us", f"{IMPORT} aapl.us.txt"),
    ("PRICES.xlsx", "PRICES", "it is a workbook; save it as CSV"),
]
OTHERS = ["README.txt", "notes.md", ".hidden.csv.gz", "AAPL_factors.csv", "provenance.json"]


@pytest.fixture(params=MISSES, ids=[name for name, _, _ in MISSES])
def miss(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, str]:
    name, symbol, advice = request.param
    (tmp_path / name).write_text(ROWS)
    return tmp_path, symbol, f"{name} is not read: {advice}"


def test_it_is_listed_with_what_to_do(miss: tuple[Path, str, str]) -> None:
    folder, symbol, advice = miss
    [listed] = Catalogue(folder, allow_sample=False).datasets()
    assert listed.symbol == symbol
    assert (listed.problem or "").startswith(advice)


def test_it_is_checked_with_what_to_do(miss: tuple[Path, str, str]) -> None:
    folder, _, advice = miss
    directory = PriceDirectory.of(folder)
    assert directory is not None
    inspection = Inspection(directory)
    list(inspection.read_files())
    [report] = inspection.reports()
    assert report.warnings[0].startswith(advice)
    assert report.critical == ()


def test_a_request_for_its_symbol_says_what_to_do(miss: tuple[Path, str, str]) -> None:
    folder, symbol, advice = miss
    request = BacktestRequest(symbols=symbol, start_date="2024-01-01", end_date="2024-02-01")
    [problem] = Catalogue(folder).problems(request)
    assert problem.kind == "unknown_symbol"
    assert problem.message.startswith(f"No prices for symbol {symbol!r}; {advice}")


def test_a_name_of_any_bytes_can_be_printed_and_sent(tmp_path: Path) -> None:
    for name in (b"\x1b[31mRED.csv.gz", b"BAD\xff.csv.gz", b"NEW\nLINE.xlsx"):
        (tmp_path / os.fsdecode(name)).write_text(ROWS)
    listed = Catalogue(tmp_path, allow_sample=False).datasets()
    assert len(listed) == 3
    for one in listed:
        assert one.symbol.isprintable()
        assert (one.problem or "\n").isprintable()


def test_a_request_for_another_symbol_is_told_of_no_file(tmp_path: Path) -> None:
    (tmp_path / "SPYG.CSV").write_text(ROWS)
    request = BacktestRequest(symbols="SPY", start_date="2024-01-01", end_date="2024-02-01")
    [problem] = Catalogue(tmp_path).problems(request)
    assert "SPYG" not in problem.message


def test_files_that_hold_no_prices_are_not_mentioned(tmp_path: Path) -> None:
    for name in OTHERS:
        (tmp_path / name).write_text("Words, and more words.\n")
    (tmp_path / "old.csv.gz").mkdir()
    (tmp_path / "link.csv.gz").symlink_to("/etc/passwd")
    directory = PriceDirectory.of(tmp_path)
    assert directory is not None
    assert list(near_misses(directory)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Date,Close/Last,Volume,Open,High,Low\n01/02/2024,$1,5,$1,$2,$1\n",
        "Date,Open,High,Low,Close\n01/02/2024,1,2,1,2\n",
    ],
)
def test_a_file_in_the_format_of_a_vendor_says_how_to_import_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "AAPL.csv").write_text(text)
    [listed] = Catalogue(tmp_path, allow_sample=False).datasets()
    assert (listed.problem or "").endswith(
        "files in the formats of vendors are read by glowback-trio data import"
    )
