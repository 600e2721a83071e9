"""The catalogue: which source a request means, what is refused, and what is loaded.

Rule: a problem that can be known from names is found by `problems`, with its path; anything
else ends `load` with a `DataError` that names no directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from glowback_trio.data import Catalogue, MemoryCatalogue, Source, demo_path
from glowback_trio.errors import DataError, InvalidRequestError
from glowback_trio.model.request import BacktestRequest

HEADER = "date,open,high,low,close,volume\n"
DAYS = HEADER + "".join(f"2020-03-0{day},10,20,9,1{day},100\n" for day in range(2, 7))
HOURS = HEADER + "".join(f"2020-03-02 {hour}:00,10,12,9,11,100\n" for hour in range(10, 16))


def asking(*symbols: str, **fields: Any) -> BacktestRequest:
    dates = {"start_date": "2020-03-02", "end_date": "2020-03-06"}
    return BacktestRequest(**({"symbols": symbols or ("AAPL",)} | dates | fields))


def problems_of(source: Source, request: BacktestRequest) -> list[tuple[str, str]]:
    return [(".".join(map(str, p.path)), p.message) for p in source.problems(request)]


def place(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return place(tmp_path / "root", AAPL_1d=DAYS, MSFT_day=DAYS, IBM=DAYS, SPY_1h=HOURS)


def test_default_means_generated_prices_without_a_directory() -> None:
    dataset = Catalogue().load(asking("AAPL", "X"))
    assert (dataset.source, dataset.kind) == ("sample", "sample")
    assert [bars.symbol for bars in dataset.bars] == ["AAPL", "X"]
    for quality in dataset.quality:
        assert quality.critical == ()
        assert len(quality.warnings) == 1
        assert "generated prices" in quality.warnings[0]


def test_generated_prices_pass_their_own_quality_check() -> None:
    request = asking("AAPL", start_date="2000-01-01", data_quality_mode="fail")
    assert len(Catalogue().load(request).bars[0]) > 5000


def test_default_means_only_the_directory_if_there_is_one(root: Path) -> None:
    dataset = Catalogue(root).load(asking("MSFT", "AAPL", "IBM"))
    assert (dataset.source, dataset.kind) == ("csv", "user_provided")
    assert [bars.symbol for bars in dataset.bars] == ["MSFT", "AAPL", "IBM"]
    assert dataset.bars[0].close.tolist() == [12, 13, 14, 15, 16]
    assert problems_of(Catalogue(root), asking("TSLA")) == [
        ("symbols.0", "No prices for symbol 'TSLA'; there are prices for AAPL, IBM, MSFT, SPY")
    ]
    [(path, message)] = problems_of(Catalogue(root), asking("AAPL", data_source="parquet"))
    assert path == "symbols.0"
    assert message.startswith("No prices for symbol 'AAPL' in files of data_source 'parquet'")
    assert message.endswith("; data_source 'csv' has them")


def test_generated_prices_may_be_requested_although_there_is_a_directory(root: Path) -> None:
    assert Catalogue(root).load(asking("TSLA", data_source="sample")).source == "sample"


@pytest.mark.parametrize("source", ["default", "sample"])
def test_generated_prices_can_be_forbidden(source: str) -> None:
    [(path, message)] = problems_of(Catalogue(allow_sample=False), asking(data_source=source))
    assert path == "data_source"
    assert "disabled" in message


def test_a_directory_is_needed_for_csv() -> None:
    message = (
        "data_source 'csv' needs a data directory, and there is none: serve with --data DIR, or "
        "open the gateway with data=DIR"
    )
    assert problems_of(Catalogue(), asking(data_source="csv")) == [("data_source", message)]


def test_a_missing_directory_is_a_problem(tmp_path: Path) -> None:
    missing = Catalogue(tmp_path / "gone")
    assert problems_of(missing, asking()) == [("data_source", "The data directory cannot be read")]
    with pytest.raises(DataError, match=r"^The data directory cannot be read$"):
        missing.datasets()


def test_unknown_symbols_are_named_with_the_nearest(root: Path) -> None:
    assert problems_of(Catalogue(root), asking("APPL", "AAPL", "aapl")) == [
        ("symbols.0", "No prices for symbol 'APPL'; did you mean 'AAPL'?"),
        ("symbols.2", "No prices for symbol 'aapl'; did you mean 'AAPL'?"),
    ]


def test_a_request_with_problems_is_not_loaded(root: Path) -> None:
    with pytest.raises(InvalidRequestError, match="APPL"):
        Catalogue(root).load(asking("APPL"))


def test_hourly_prices_need_no_daily_file(root: Path) -> None:
    dataset = Catalogue(root).load(asking("SPY", resolution="hour"))
    assert len(dataset.bars[0]) == 6


def test_a_resolution_that_no_file_has_is_a_problem(root: Path) -> None:
    assert problems_of(Catalogue(root), asking("SPY")) == [
        ("symbols.0", "No bars of resolution 'day' for 'SPY'; there are bars of 'hour'")
    ]


def test_a_file_without_resolution_is_held_to_its_spacing(root: Path) -> None:
    catalogue = Catalogue(root)
    assert problems_of(catalogue, asking("IBM", resolution="hour")) == []
    with pytest.raises(DataError, match=r"IBM\.csv holds bars of resolution 'day'; 'hour' was"):
        catalogue.load(asking("IBM", resolution="hour"))


@pytest.mark.parametrize("other", ["AAPL", "AAPL_day"])
def test_two_files_for_the_same_bars_are_refused(root: Path, other: str) -> None:
    place(root, **{other: DAYS})
    catalogue = Catalogue(root)
    [(path, message)] = problems_of(catalogue, asking("IBM", "AAPL"))
    assert path == "symbols.1"
    assert f"for 'AAPL': AAPL_1d.csv, {other}.csv; keep one of them" in message
    with pytest.raises(InvalidRequestError, match="More than one file"):
        catalogue.load(asking("AAPL"))


def test_one_symbol_may_have_files_of_different_resolutions(root: Path) -> None:
    place(root, SPY_1d=DAYS)
    assert len(Catalogue(root).load(asking("SPY")).bars[0]) == 5
    assert len(Catalogue(root).load(asking("SPY", resolution="hour")).bars[0]) == 6


def test_each_directory_has_its_own_files(root: Path) -> None:
    """An earlier load, of this directory or another, must not affect a later one."""
    (root / "other").mkdir()
    place(root / "other", AAPL_1d=HEADER + "2020-03-04,1,1,1,1,1\n")
    catalogue = Catalogue(root)
    before = catalogue.load(asking()).digest()
    other = catalogue.load(asking(data_source="csv", csv_data_path="other"))
    assert other.bars[0].close.tolist() == [1]
    assert catalogue.load(asking()).digest() == before
    place(root, AAPL_1d=DAYS.replace(",20,9", ",21,9"))
    assert catalogue.load(asking()).bars[0].high.tolist() == [21] * 5


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../outside",
        "inner/../../outside",
        "/",
        "/etc",
        "link",
        "inner/link",
        "loop",
        "AAPL_1d.csv",
        "nowhere",
        "~",
        "nul\x00byte",
        "lone\udc80surrogate",
        "n" * 1000,
        "a/" * 500,
    ],
)
def test_a_path_that_leads_out_or_nowhere_is_refused(root: Path, path: str) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    place(outside, AAPL_1d=DAYS)
    (root / "inner").mkdir()
    (root / "link").symlink_to(outside)
    (root / "inner" / "link").symlink_to("../../outside")
    (root / "loop").symlink_to("loop")
    request = asking(data_source="csv", csv_data_path=path)
    assert problems_of(Catalogue(root), request) == [
        ("csv_data_path", "Input should name a directory inside the data directory")
    ]


def test_a_file_that_is_a_link_to_the_outside_is_not_served(root: Path) -> None:
    secret = place(root.parent, secret=DAYS) / "secret.csv"
    (root / "LEAK_1d.csv").symlink_to(secret)
    (root / "SELF_1d.csv").symlink_to("SELF_1d.csv")
    (root / "ALIAS_1d.csv").symlink_to("AAPL_1d.csv")
    catalogue = Catalogue(root)
    assert [path for path, _ in problems_of(catalogue, asking("LEAK", "SELF", "ALIAS"))] == [
        "symbols.0",
        "symbols.1",
    ]
    assert len(catalogue.load(asking("ALIAS")).bars[0]) == 5


def test_a_name_that_is_no_file_is_told_from_a_missing_one(root: Path) -> None:
    (root / "AWAY_1d.csv").symlink_to("/dev/zero")
    (root / "FOLDER_1d.csv").mkdir()
    for symbol in ("AWAY", "FOLDER"):
        [problem] = problems_of(Catalogue(root), asking(symbol))
        assert "is no regular file, or a link that leads out of the data directory" in str(problem)


def test_a_linked_data_directory_is_served(root: Path) -> None:
    (root.parent / "current").symlink_to(root)
    assert len(Catalogue(root.parent / "current").load(asking()).bars[0]) == 5


@pytest.mark.parametrize("symbol", ["^GSPC", "BRK.B", "EURUSD=X", "BTC-USD", "A_B", "A_1d"])
def test_any_symbol_names_its_own_file(root: Path, symbol: str) -> None:
    place(root, **{f"{symbol}_1d": DAYS})
    dataset = Catalogue(root).load(asking(symbol))
    assert dataset.bars[0].symbol == symbol


def test_a_file_of_one_symbol_never_serves_another(root: Path) -> None:
    """`AAPL_1d.csv` is the daily file of AAPL, not the file of a symbol called AAPL_1d."""
    assert problems_of(Catalogue(root), asking("AAPL_1d")) != []


def test_a_directory_named_like_a_file_is_no_file(root: Path) -> None:
    (root / "DIR_1d.csv").mkdir()
    assert [path for path, _ in problems_of(Catalogue(root), asking("DIR"))] == ["symbols.0"]


def test_a_bad_row_ends_the_load_with_its_place(root: Path) -> None:
    place(root, AAPL_1d=DAYS.replace("2020-03-04,10", "2020-03-04,ten"))
    with pytest.raises(DataError) as caught:
        Catalogue(root).load(asking())
    assert str(caught.value) == ("AAPL_1d.csv, line 4, column 'open': expected a number, got 'ten'")


def test_a_price_that_is_not_positive_ends_the_load_with_its_place(root: Path) -> None:
    place(root, AAPL_1d=DAYS.replace("2020-03-04,10", "2020-03-04,-10"))
    with pytest.raises(DataError, match=r"AAPL_1d\.csv, line 4, column 'open': .* got -10\.0$"):
        Catalogue(root).load(asking())


def test_only_bars_inside_the_range_are_loaded(root: Path) -> None:
    request = asking(start_date="2020-03-03T00:00:01Z", end_date="2020-03-05")
    times = Catalogue(root).load(request).bars[0].time
    assert [str(day) for day in times.astype("M8[D]")] == ["2020-03-04", "2020-03-05"]


def test_a_range_without_bars_names_the_range_that_exists(root: Path) -> None:
    with pytest.raises(DataError, match="AAPL has no bars from 2021-01-01T00:00:00Z"):
        Catalogue(root).load(asking(start_date="2021-01-01", end_date="2021-02-01"))
    with pytest.raises(DataError, match=r"X has no bars .*: its market is closed"):
        Catalogue().load(asking("X", start_date="2020-02-29", end_date="2020-03-01"))


def test_critical_findings_are_reported_or_end_the_load_by_quality_mode(root: Path) -> None:
    place(root, AAPL_1d=DAYS + "2020-03-06,10,12,9,11,-5\n", IBM=DAYS.replace(",20,9", ",8,9"))
    catalogue = Catalogue(root)
    quality = catalogue.load(asking("AAPL", "IBM")).quality
    assert [len(one.critical) for one in quality] == [2, 1]
    with pytest.raises(DataError) as caught:
        catalogue.load(asking("AAPL", "IBM", data_quality_mode="fail"))
    for one in quality:
        for finding in one.critical:
            assert finding in str(caught.value)


def test_a_load_can_be_stopped_between_two_symbols(root: Path) -> None:
    class StopError(Exception):
        pass

    seen: list[int] = []

    def stop_at_the_third() -> None:
        seen.append(len(seen))
        if len(seen) == 3:
            raise StopError

    with pytest.raises(StopError):
        Catalogue(root).load(asking("AAPL", "MSFT", "IBM"), stop_at_the_third)
    assert seen == [0, 1, 2]


def test_more_than_the_limits_is_refused_before_the_run() -> None:
    """Five weekdays of two symbols: ten symbol-bars, five timestamps."""
    request = asking("AAPL", "IBM")
    assert problems_of(Catalogue(max_bars=10, max_rows=5), request) == []
    assert problems_of(Catalogue(max_bars=9, max_rows=4), request) == [
        ("", "The request needs 10 symbol-bars; the limit is 9"),
        ("", "The request needs 5 timestamps; the limit is 4"),
    ]
    assert problems_of(Catalogue(demo_path(), max_rows=4), request) == [
        ("", "The request needs 5 timestamps; the limit is 4")
    ]


def test_a_century_of_seconds_is_refused_at_once() -> None:
    century = asking(start_date="1900-01-01", end_date="1999-12-31", resolution="second")
    [(_, bars), (_, rows)] = problems_of(Catalogue(), century)
    assert bars == "The request needs 610,506,000 symbol-bars; the limit is 20,000,000"
    assert "610,506,000 timestamps" in rows


def test_a_wide_range_over_a_small_file_is_no_large_request(root: Path) -> None:
    request = asking("SPY", start_date="1900-01-01", end_date="2200-12-31", resolution="hour")
    assert problems_of(Catalogue(root, max_rows=50), request) == []


def test_a_file_fuller_than_its_calendar_is_held_to_the_limits(root: Path) -> None:
    """Extended hours: the file has more bars than the calendar."""
    early = "".join(f"2020-03-02 09:30:{second:02},1,1,1,1,1\n" for second in range(50))
    place(root, AAPL_1s=HEADER + early.replace("09:30", "08:30") + early)
    request = asking(end_date="2020-03-02T09:30:49Z", resolution="second")
    catalogue = Catalogue(root, max_rows=60)
    assert problems_of(catalogue, request) == []
    with pytest.raises(DataError, match="needs 100 timestamps; the limit is 60"):
        catalogue.load(request)


def test_the_listing_describes_each_file(root: Path) -> None:
    place(root, BAD_1d=DAYS + "x,1,1,1,1,1\n", notes="hello\n")
    (root / "README.md").write_text("no prices\n")
    listed = {one.symbol: one for one in Catalogue(root, allow_sample=False).datasets()}
    assert list(listed) == ["AAPL", "BAD", "IBM", "MSFT", "SPY", "notes"]
    assert (listed["IBM"].resolution, listed["IBM"].rows) == ("day", 5)
    assert listed["IBM"].first_bar == "2020-03-02T00:00:00Z"
    assert listed["SPY"].last_bar == "2020-03-02T15:00:00Z"
    assert "BAD_1d.csv, line 7, column 'date'" in str(listed["BAD"].problem)
    assert listed["notes"].rows is None


def test_a_link_is_listed_under_its_own_name(root: Path) -> None:
    (root / "ALIAS_1d.csv").symlink_to("AAPL_1d.csv")
    listed = [one.symbol for one in Catalogue(root, allow_sample=False).datasets()]
    assert listed == ["AAPL", "ALIAS", "IBM", "MSFT", "SPY"]


def test_the_listing_notices_a_changed_file(root: Path) -> None:
    catalogue = Catalogue(root, allow_sample=False)
    assert catalogue.datasets()[0].rows == 5
    place(root, AAPL_1d=DAYS + "2020-03-09,10,12,9,11,100\n")
    assert catalogue.datasets()[0].rows == 6


def test_generated_prices_are_listed_for_every_resolution() -> None:
    listed = Catalogue().datasets()
    assert [(one.symbol, one.source, one.resolution) for one in listed] == [
        ("*", "sample", resolution) for resolution in ("second", "minute", "hour", "day")
    ]
    assert Catalogue(allow_sample=False).datasets() == ()


def test_the_shipped_prices_are_clean() -> None:
    request = asking(
        "AAPL",
        "IBM",
        "SPY",
        start_date="2015-01-01",
        end_date="2020-12-31",
        data_quality_mode="fail",
    )
    dataset = Catalogue(demo_path()).load(request)
    for bars, quality in zip(dataset.bars, dataset.quality, strict=True):
        assert len(bars) == quality.rows == 1511
        assert quality.critical == quality.warnings == (), "a market holiday is no gap"
    assert dataset.bars[0].close[-1] == 132.492013
    assert (demo_path() / "PROVENANCE.md").is_file()


def test_prices_in_memory_are_served_by_the_same_rules(root: Path) -> None:
    from_files = Catalogue(root).load(asking("AAPL", "IBM"))
    source: Source = MemoryCatalogue(from_files.bars)
    dataset = source.load(asking("IBM", "AAPL", end_date="2020-03-04"))
    assert (dataset.source, dataset.kind) == ("memory", "user_provided")
    assert [bars.symbol for bars in dataset.bars] == ["IBM", "AAPL"]
    assert dataset.bars[0].close.tolist() == [12, 13, 14]
    assert source.load(asking("AAPL", "IBM")).digest() == from_files.digest()


def test_prices_in_memory_have_limits_and_problems_too(root: Path) -> None:
    memory = MemoryCatalogue(Catalogue(root).load(asking("AAPL")).bars, max_rows=4)
    assert problems_of(memory, asking("APL", data_source="sample")) == [
        ("data_source", "Prices are in memory here; only data_source 'default' is available"),
        ("symbols.0", "No prices for symbol 'APL'; did you mean 'AAPL'?"),
    ]
    with pytest.raises(DataError, match="needs 5 timestamps"):
        memory.load(asking("AAPL"))
    with pytest.raises(DataError, match="AAPL holds bars of resolution 'day'"):
        memory.load(asking("AAPL", resolution="hour"))
    with pytest.raises(DataError, match="AAPL has no bars"):
        memory.load(asking("AAPL", start_date="2022-01-01", end_date="2022-02-01"))


def test_prices_in_memory_are_listed(root: Path) -> None:
    memory = MemoryCatalogue(Catalogue(root).load(asking("IBM", "AAPL")).bars)
    listed = [(one.symbol, one.source, one.resolution, one.rows) for one in memory.datasets()]
    assert listed == [("AAPL", "memory", "day", 5), ("IBM", "memory", "day", 5)]


def test_a_symbol_may_be_in_memory_only_once(root: Path) -> None:
    bars = Catalogue(root).load(asking("AAPL")).bars[0]
    with pytest.raises(DataError, match="two for 'AAPL'"):
        MemoryCatalogue([bars, bars])


def test_a_symbol_in_another_case_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "lower_1d.csv").write_text(
        "date,open,high,low,close,volume\n2024-01-02,1,1,1,1,1\n"
    )
    request = BacktestRequest(symbols="LOWER", start_date="2024-01-01", end_date="2024-02-01")
    (problem,) = Catalogue(tmp_path).problems(request)
    assert "did you mean 'lower'?" in problem.message


def test_a_file_with_an_invalid_symbol_is_listed_as_one_that_is_not_read(tmp_path: Path) -> None:
    row = "2024-01-02,1,1,1,1,1"
    (tmp_path / "foo bar.csv").write_text(f"date,open,high,low,close,volume\n{row}\n")
    [listed] = Catalogue(tmp_path, allow_sample=False).datasets()
    assert listed.rows is None
    assert (listed.problem or "").startswith("foo bar.csv is not read: import it")
