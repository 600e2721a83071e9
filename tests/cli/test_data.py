"""`data list`, `data check` and `data import`, as a user at a terminal runs them.

Rule: findings go to the exit code as well as to the output, and an import writes all or nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from glowback_trio.data import CACHE_NAME

Glowback = Callable[..., CompletedProcess[str]]

HEADER = "date,open,high,low,close,volume\n"
ROWS = "".join(f"2020-03-0{day},10,20,9,1{day},100\n" for day in range(2, 7))
VENDOR = "Ticker,Trade Date,Open,High,Low,Last,Volume\n" + "".join(
    f"{symbol},2020-03-0{day},10,20,9,1{day},100\n" for day in range(2, 7) for symbol in ("A", "B")
)
CALLED = ("--column", "symbol=Ticker", "time=Trade Date", "--column", "close=Last")


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A data directory inside the directory in which commands run."""
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "AAPL_1d.csv").write_text(HEADER + ROWS)
    return folder


def test_every_command_uses_the_same_prices_by_default(glowback: Glowback, prices: Path) -> None:
    assert " sample " in glowback("data", "list").stdout
    for arguments, variables in (
        (("--data", "prices"), {}),
        ((), {"GLOWBACK_DATA": "prices"}),
        (("--data", "prices"), {"GLOWBACK_DATA": "nowhere"}),
    ):
        listed = glowback("data", "list", *arguments, **variables)
        assert listed.returncode == 0
        assert "AAPL" in listed.stdout
        assert " sample " not in listed.stdout, "what `run` would not find is not listed"


def test_no_name_is_cut_in_a_narrow_table(glowback: Glowback, prices: Path) -> None:
    symbol = "A_SYMBOL_AS_LONG_AS_SYMBOLS_BE32"
    (prices.parent / "source.csv").write_text(HEADER + ROWS)
    wanted = ("data", "import", "source.csv", "--symbol", symbol, "--data", "prices")
    for command in (wanted, ("data", "list", "--data", "prices"), ("data", "check")):
        shown = glowback(*command, COLUMNS="50", GLOWBACK_DATA="prices").stdout
        assert "…" not in shown
        parts = [line.split("   ")[0].strip() for line in shown.splitlines()]
        assert symbol in "".join(parts), shown


def test_listing_shows_what_cannot_be_read_and_fails(glowback: Glowback, prices: Path) -> None:
    (prices / "BAD_1d.csv").write_text(HEADER + "2020-03-02,x,1,1,1,1\n")
    listed = glowback("data", "list", "--data", "prices")
    assert listed.returncode == 1
    assert "unreadable" in listed.stdout
    assert listed.stderr == (
        "error: BAD_1d.csv, line 2, column 'open': expected a number, got 'x'\n"
    )


def test_checking_sound_prices_finds_nothing(glowback: Glowback, prices: Path) -> None:
    checked = glowback("data", "check", "--data", "prices")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.endswith("1 file, 0 critical, 0 warnings\n")
    assert glowback("data", "check", "--data", "demo").returncode == 0


def test_checking_prints_every_finding_and_fails_on_critical_ones(
    glowback: Glowback, prices: Path
) -> None:
    files = {
        "BAD_1d.csv": "2020-03-02,x,1,1,1,1\n",
        "ZERO_1d.csv": ROWS.replace(",9,", ",0,"),
        "OHLC_1d.csv": ROWS.replace(",9,", ",99,"),
        "TWICE_1d.csv": ROWS + ROWS[: ROWS.index("\n") + 1],
        "GAP_1d.csv": ROWS.replace("2020-03-03,10,20,9,13,100\n", ""),
        "AAPL.csv": ROWS,
        "FAST_1d.csv": "2020-03-02 09:30,1,1,1,1,1\n2020-03-02 09:31,1,1,1,1,1\n",
    }
    for name, rows in files.items():
        (prices / name).write_text(HEADER + rows)
    (prices / "AAPL_factors.csv").write_text("date,price factor,split factor\n2020-03-02,1,0\n")
    checked = glowback("data", "check", "--data", "prices")
    assert checked.returncode == 1
    findings = [line for line in checked.stdout.splitlines() if line.startswith(("crit", "warn"))]
    assert findings == [
        (
            "critical: More than one file may hold bars of resolution 'day' for 'AAPL': "
            "AAPL_1d.csv, AAPL.csv; keep one of them, or name each after its resolution"
        ),
        (
            "critical: AAPL_factors.csv, line 2, column 'split factor': expected a number above 0, "
            "got '0'"
        ),
        "critical: BAD_1d.csv, line 2, column 'open': expected a number, got 'x'",
        "critical: FAST_1d.csv holds bars of resolution 'minute'; 'day' was requested",
        (
            "warning: GAP: 1 day between its first and its last bar has no bar although other "
            "symbols have one"
        ),
        "critical: OHLC: 5 rows whose open, high, low and close contradict each other",
        "critical: TWICE: 1 row with the timestamp of a later row, which was kept instead",
        "warning: TWICE: 1 row out of order in time, which were sorted",
        "critical: ZERO_1d.csv, line 2, column 'low': expected a price above 0, got 0.0",
    ]
    assert checked.stdout.endswith("9 files, 7 critical, 2 warnings\n")
    assert not (prices / CACHE_NAME).exists(), "checking reads the files and nothing else"


def test_warnings_are_not_a_failure(glowback: Glowback, prices: Path) -> None:
    (prices / "GAP_1d.csv").write_text(HEADER + ROWS.replace("2020-03-03,10,20,9,13,100\n", ""))
    assert glowback("data", "check", "--data", "prices").returncode == 0


def test_an_exchange_s_calendar_finds_missing_days(glowback: Glowback, prices: Path) -> None:
    pytest.importorskip("exchange_calendars")
    text = HEADER + ROWS.replace("2020-03-03,10,20,9,13,100\n", "")
    (prices / "AAPL_1d.csv").write_text(text)
    command = ("data", "check", "--data", "prices", "--calendar")
    # The dependencies of the calendars emit warnings about each other.
    checked = glowback(*command, "XNYS", PYTHONWARNINGS="")
    assert checked.returncode == 0
    assert "1 day between its first and its last bar has no bar although XNYS" in checked.stdout
    unknown = glowback(*command, "MARS", PYTHONWARNINGS="")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == "error: No calendar is called 'MARS'\n"


def test_generated_prices_are_not_checked(glowback: Glowback) -> None:
    refused = glowback("data", "check")
    assert refused.returncode == 2
    assert "generated prices have no files" in refused.stderr


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_was_imported_can_be_run(glowback: Glowback, tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    (tmp_path / "vendor.csv").write_text(VENDOR)
    imported = glowback(
        "data", "import", "vendor.csv", "--data", "new/prices", *CALLED, "--to", form
    )
    assert (imported.returncode, imported.stderr) == (0, "")
    assert f"A_1d.{form}" in imported.stdout
    folder = tmp_path / "new" / "prices"
    assert sorted(path.name for path in folder.iterdir()) == [f"A_1d.{form}", f"B_1d.{form}"]
    period = ("--start", "2020-03-02", "--end", "2020-03-06")
    ran = glowback("run", "--data", "new/prices", "--symbols", "A,B", *period)
    assert ran.returncode == 0
    assert "A, B" in ran.stdout


def test_existing_files_are_kept_and_all_files_or_none_are_written(
    glowback: Glowback, tmp_path: Path, prices: Path
) -> None:
    (tmp_path / "vendor.csv").write_text(VENDOR)
    (prices / "B_1d.csv").write_text("mine")
    arguments = ("data", "import", "vendor.csv", "--data", "prices", *CALLED)
    refused = glowback(*arguments)
    assert refused.returncode == 1
    assert refused.stderr == "error: B_1d.csv already exists and may not be overwritten\n"
    assert not (prices / "A_1d.csv").exists()
    assert (prices / "B_1d.csv").read_text() == "mine"
    assert glowback(*arguments, "--overwrite").returncode == 0
    assert (prices / "B_1d.csv").read_text().startswith("timestamp,open,high,low,close,volume\n")


def test_prices_with_critical_findings_are_written_only_on_request(
    glowback: Glowback, tmp_path: Path
) -> None:
    (tmp_path / "A.csv").write_text(HEADER + ROWS.replace(",9,", ",99,"))
    arguments = ("data", "import", "A.csv", "--data", "new")
    refused = glowback(*arguments)
    assert refused.returncode == 1
    assert "error: A: 5 rows whose open, high, low and close contradict" in refused.stderr
    assert "nothing was written; --quality warn" in refused.stderr
    assert not (tmp_path / "new").exists()
    accepted = glowback(*arguments, "--quality", "warn")
    assert accepted.returncode == 0
    assert "warning: A: 5 rows" in accepted.stderr
    assert (tmp_path / "new" / "A_1d.csv").is_file()


def test_two_sources_of_the_same_bars_are_refused(glowback: Glowback, tmp_path: Path) -> None:
    for name in ("A.csv", "A_1d.csv"):
        (tmp_path / name).write_text(HEADER + ROWS)
    refused = glowback("data", "import", "A.csv", "A_1d.csv", "--data", "new")
    assert refused.stderr == (
        "error: A_1d.csv: more than one source holds A at 2020-03-02T00:00:00\n"
    )
    assert refused.returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("x.csv",),
        ("x.csv", "--data", "new", "--column", "price=Last"),
        ("x.csv", "--data", "new", "--column", "close"),
        ("x.csv", "--data", "new", "--column", "close=a", "close=b"),
        ("--data", "new"),
        ("x.csv", "--data", "new", "--to", "xlsx"),
    ],
)
def test_a_misused_import_is_one_line_and_2(
    arguments: tuple[str, ...], glowback: Glowback, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text(HEADER + ROWS)
    refused = glowback("data", "import", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_a_run_caches_parsed_prices_with_the_files_and_gives_the_same(
    glowback: Glowback, prices: Path
) -> None:
    arguments = ("run", "--symbols", "AAPL", "--start", "2020-03-02", "--end", "2020-03-06")
    first = glowback(*arguments, "--data", "prices")
    assert first.returncode == 0
    assert glowback(*arguments, "--data", "prices").stdout == first.stdout
    assert {path.name for path in prices.iterdir()} <= {"AAPL_1d.csv", CACHE_NAME}


def test_the_place_of_the_cache_can_be_chosen(
    glowback: Glowback, prices: Path, tmp_path: Path
) -> None:
    os.utime(prices / "AAPL_1d.csv", (1_600_000_000, 1_600_000_000))
    run = ("run", "--symbols", "AAPL", "--start", "2020-03-02", "--end", "2020-03-06")
    for command in (run, ("data", "list")):
        for name in ("off", str(tmp_path / command[0])):
            assert glowback(*command, "--data", "prices", GLOWBACK_CACHE=name).returncode == 0
        assert list((tmp_path / command[0]).rglob("*.bars"))
        assert [path.name for path in prices.iterdir()] == ["AAPL_1d.csv"]
    assert glowback("data", "list", "--data", "prices", "--cache", "kept").returncode == 0
    assert list((prices / "kept").glob("*.bars"))
