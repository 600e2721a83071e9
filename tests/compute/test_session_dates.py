"""Session dates through a whole run: however a vendor writes times, a bar counts for its own day.

Doctrine: the same prices, once with plain dates and once as the vendor writes them, give the same
result; and what goes by dates (ranges, schedules, tables by month, benchmarks) goes by these.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from attrs import frozen

from glowback_trio import (
    BacktestRequest,
    Bars,
    BarStrategy,
    BuyAndHold,
    Context,
    MemoryCatalogue,
    OnBar,
    PortfolioConstruction,
    Result,
    backtest,
    load_dataset,
)
from glowback_trio.engine import tear_sheet
from glowback_trio.errors import DataError

HEADER = "Date,Open,High,Low,Close,Volume\n"
EVERY = np.arange("2023-02-27", "2023-08-26", dtype="M8[D]")
DAYS: list[date] = EVERY[np.is_busday(EVERY)].tolist()
CLOSES = (100.0 + np.cumsum(np.sin(np.arange(len(DAYS)) * 1.7))).round(4)


def at_midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


#: Ways to write a day of Frankfurt, of New York and of Tokyo.
WRITTEN: dict[str, Callable[[date], str]] = {
    "offset of Berlin": lambda day: at_midnight(day, "Europe/Berlin").isoformat(" "),
    "offset of New York": lambda day: at_midnight(day, "America/New_York").isoformat(),
    "offset at the close": lambda day: f"{day} 17:30:00+01:00",
    "local close": lambda day: f"{day} 17:30:00",
    "Berlin in UTC": lambda day: at_midnight(day, "Europe/Berlin").astimezone(UTC).isoformat(),
    "Tokyo since 1970": lambda day: str(int(at_midnight(day, "Asia/Tokyo").timestamp())),
}


def write(folder: Path, symbol: str, stamp: Callable[[date], str]) -> None:
    rows = (
        f"{stamp(day)},{close},{close + 1},{close - 1},{close},1000\n"
        for day, close in zip(DAYS, CLOSES.tolist(), strict=True)
    )
    (folder / f"{symbol}_1d.csv").write_text(HEADER + "".join(rows))


def request_for(**fields: Any) -> BacktestRequest:
    given: dict[str, Any] = {
        "symbols": "SAP",
        "strategy": BuyAndHold(),
        "start_date": "2023-02-27",
        "end_date": "2023-08-25",
    }
    return BacktestRequest(**given | fields)


def run(folder: Path, **fields: Any) -> Result:
    request = request_for(**fields)
    return backtest(request, load_dataset(request, folder))


@pytest.mark.parametrize("written", WRITTEN)
def test_a_vendors_way_to_write_a_day_changes_nothing(tmp_path: Path, written: str) -> None:
    dated, vendors = tmp_path / "dated", tmp_path / "vendors"
    for folder, stamp in ((dated, str), (vendors, WRITTEN[written])):
        folder.mkdir()
        write(folder, "SAP", stamp)
    # Ranges that begin and end on a day with bars, where a shifted date would lose or add one.
    for first, last in (("2023-02-27", "2023-08-25"), ("2023-03-27", "2023-06-16")):
        one, other = (run(folder, start_date=first, end_date=last) for folder in (dated, vendors))
        assert other.metrics == one.metrics
        assert other.curve.time.tolist() == one.curve.time.tolist()
        assert other.manifest["dataset"]["digest"] == one.manifest["dataset"]["digest"]


@pytest.mark.parametrize("written", WRITTEN)
def test_a_benchmark_with_plain_dates_has_the_same_days(tmp_path: Path, written: str) -> None:
    write(tmp_path, "SAP", WRITTEN[written])
    write(tmp_path, "DAX", str)
    found = run(tmp_path, benchmark_symbol="DAX", strategy=BuyAndHold(position_size=1.0)).metrics
    assert found["beta"] == pytest.approx(1.0, abs=0.03)
    assert found["periods_per_year"] == 252.0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_days_of_frankfurt_are_those_of_its_exchange(tmp_path: Path) -> None:
    pytest.importorskip("exchange_calendars")
    write(tmp_path, "SAP", WRITTEN["offset of Berlin"])
    week = run(tmp_path, calendar="XETR", start_date="2023-05-02", end_date="2023-08-25")
    assert week.metrics["data_quality_warning_count"] == 0


def test_a_portfolio_is_rebalanced_on_mondays(tmp_path: Path) -> None:
    write(tmp_path, "SAP", WRITTEN["offset of Berlin"])
    half = PortfolioConstruction(target_weights={"SAP": 0.5}, rebalance_frequency="weekly")
    request = BacktestRequest(
        symbols="SAP",
        start_date="2023-02-27",
        end_date="2023-08-25",
        portfolio_construction=half,
    )
    result = backtest(request, load_dataset(request, tmp_path))
    # Decided at Monday's close, filled on Tuesday.
    assert {day.astype("M8[D]").item().weekday() for day in result.trades.time} == {1}


@frozen
class Diary(BarStrategy):
    """Log the session date of every bar."""

    name: ClassVar[str] = "diary"
    title: ClassVar[str] = "Diary"

    def start(self) -> OnBar:
        def on_bar(context: Context) -> None:
            context.log(str(context.date))

        return on_bar


def hours_of_sydney(*clocks: str) -> Bars:
    time = np.array(clocks, "M8[ns]")
    close = 100.0 + np.arange(float(len(time)))
    return Bars("SAP", time, close, close, close, close, close)


def test_months_and_dates_are_those_of_the_market() -> None:
    """From 23:00 UTC on it is the next day in Sydney, and on the 31st the next month."""
    bars = hours_of_sydney(
        "2023-03-30T23:00", "2023-03-31T01:00", "2023-03-31T23:00", "2023-04-01T01:00"
    )
    request = request_for(
        strategy=Diary(),
        resolution="hour",
        timezone="Australia/Sydney",
        start_date="2023-03-31",
        end_date="2023-04-01",
    )
    result = backtest(request, load_dataset(request, MemoryCatalogue([bars])))
    assert result.logs[-4:] == ["2023-03-31", "2023-03-31", "2023-04-01", "2023-04-01"]
    months = [row["period"] for row in tear_sheet(result)["monthly_returns"]]
    assert months == ["2023-03", "2023-04"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_zone_of_a_calendar_counts_where_no_other_is_given() -> None:
    pytest.importorskip("exchange_calendars")
    bars = hours_of_sydney("2023-03-30T23:00", "2023-03-31T01:00")
    given: dict[str, Any] = {"resolution": "hour", "start_date": "2023-03-31", "calendar": "XASX"}
    source = MemoryCatalogue([bars])
    [sydney] = load_dataset(request_for(**given), source).bars
    assert sydney.date.astype(str).tolist() == ["2023-03-31", "2023-03-31"]
    [utc] = load_dataset(request_for(**given, timezone="UTC"), source).bars
    assert utc.date.astype(str).tolist() == ["2023-03-31"]


def test_a_file_with_offsets_goes_before_the_zone_of_a_request(tmp_path: Path) -> None:
    rows = [f"2023-03-31 {clock}+11:00,10,11,9,10,1\n" for clock in ("10:00:00", "11:00:00")]
    (tmp_path / "SAP_1h.csv").write_text(HEADER + "".join(rows))
    request = request_for(resolution="hour", timezone="America/New_York")
    [bars] = load_dataset(request, tmp_path).bars
    assert str(bars.time[0]) == "2023-03-30T23:00:00.000000000"
    assert bars.date.astype(str).tolist() == ["2023-03-31", "2023-03-31"]


def test_an_hour_shown_twice_is_named_where_no_zone_tells_the_two_apart(tmp_path: Path) -> None:
    clocks = ("00:00", "01:00", "01:00", "02:00")
    rows = [f"2023-11-05 {clock},10,11,9,10,1\n" for clock in clocks]
    (tmp_path / "SAP_1h.csv").write_text(HEADER + "".join(rows))
    dates: dict[str, Any] = {
        "resolution": "hour",
        "start_date": "2023-11-05",
        "end_date": "2023-11-05",
    }
    unknown = load_dataset(request_for(**dates), tmp_path)
    assert len(unknown.bars[0]) == 3
    assert "the request's timezone tells the hours apart" in unknown.quality[0].critical[0]
    known = load_dataset(request_for(**dates, timezone="America/New_York"), tmp_path)
    assert len(known.bars[0]) == 4
    assert known.quality[0].critical == ()


def test_a_local_time_that_was_skipped_ends_the_load_with_its_line(tmp_path: Path) -> None:
    rows = [f"2023-03-12 {clock},10,11,9,10,1\n" for clock in ("01:00", "02:00", "03:00")]
    (tmp_path / "SAP_1h.csv").write_text(HEADER + "".join(rows))
    request = request_for(resolution="hour", timezone="America/New_York")
    with pytest.raises(DataError, match=r"SAP_1h.csv, line 3: expected a time that exists in"):
        load_dataset(request, tmp_path)
