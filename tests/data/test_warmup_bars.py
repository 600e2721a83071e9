"""Bars before the range, from every source: as many as a request asks for, and kept apart.

Rule: the bars of the range are those of a request without `warmup_bars`, and both parts together
are what a range that begins earlier has, checks and findings included.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from glowback_trio.data import Catalogue, MemoryCatalogue, Source, demo_path
from glowback_trio.data.files.parquet_file import write_parquet
from glowback_trio.engine import backtest
from glowback_trio.errors import DataError, InvalidRequestError
from glowback_trio.model.bars import Bars, Dataset
from glowback_trio.model.request import BacktestRequest

HEADER = "date,open,high,low,close,volume\n"
DAYS: list[Any] = [
    day for day in np.arange("2020-01-01", "2020-04-01", dtype="M8[D]") if np.is_busday(day)
]
DEMO: dict[str, Any] = {
    "symbols": ("AAPL", "SPY"),
    "start_date": "2018-03-01",
    "end_date": "2018-12-31",
}


def asking(*symbols: str, **fields: Any) -> BacktestRequest:
    dates = {"start_date": "2020-03-02", "end_date": "2020-03-20"}
    return BacktestRequest(**({"symbols": symbols or ("AAPL",)} | dates | fields))


def line(time: object, close: float) -> str:
    return f"{time},10,20,9,{close},100\n"


def source_of(kind: str, folder: Path) -> tuple[Source, dict[str, Any]]:
    demo = Catalogue(demo_path())
    if kind == "sample":
        return Catalogue(), {"data_source": "sample"}
    if kind == "default":
        return demo, {}
    loaded = demo.load(BacktestRequest(**{**DEMO, "start_date": "2015-01-01"}))
    if kind == "memory":
        return MemoryCatalogue(loaded.bars), {}
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        for bars in loaded.bars:
            write_parquet(folder / f"{bars.symbol}_1d.parquet", bars)
        return Catalogue(folder, cache=folder / "cache"), {"data_source": "parquet"}
    return Catalogue(demo_path(), cache=folder / "cache"), {"data_source": "csv"}


def joined(dataset: Dataset) -> list[Bars]:
    early = {one.symbol: one for one in dataset.warmup}
    return [one.after(early[one.symbol]) for one in dataset.bars]


@pytest.mark.parametrize("kind", ["sample", "default", "csv", "parquet", "memory"])
def test_every_source_has_the_bars_before_the_range(kind: str, tmp_path: Path) -> None:
    source, fields = source_of(kind, tmp_path)
    request = BacktestRequest(**DEMO, **fields)
    plain = source.load(request)
    warm = source.load(evolve(request, warmup_bars=50))
    assert [one.digest() for one in warm.bars] == [one.digest() for one in plain.bars]
    assert [(one.symbol, len(one)) for one in warm.warmup] == [("AAPL", 50), ("SPY", 50)]
    first = str(warm.warmup[0].time[0])[:10]
    earlier = source.load(evolve(request, start_date=first))
    assert [one.digest() for one in joined(warm)] == [one.digest() for one in earlier.bars]
    assert warm.quality == earlier.quality
    assert (warm.source, warm.kind) == (plain.source, plain.kind)


@pytest.mark.parametrize("resolution", ["day", "hour", "minute", "second"])
@pytest.mark.parametrize("symbol", ["AAPL", "BTC-USD"])
@pytest.mark.parametrize("start", ["2020-03-02", "2020-03-02T11:17:30", "2020-02-29"])
@pytest.mark.parametrize("warmup", [1, 7, 391])
def test_generated_bars_before_the_range_are_those_of_an_earlier_one(
    symbol: str, resolution: Any, start: str, warmup: int
) -> None:
    request = asking(
        symbol, resolution=resolution, start_date=start, end_date="2020-03-02T12:00:00"
    )
    if resolution == "day":
        request = evolve(request, end_date="2020-03-04")
    warm, plain = (Catalogue().load(evolve(request, warmup_bars=n)) for n in (warmup, 0))
    assert warm.bars[0].digest() == plain.bars[0].digest()
    [early] = warm.warmup
    assert len(early) == warmup
    earlier = Catalogue().load(evolve(request, start_date=str(early.time[0])[:19]))
    assert joined(warm)[0].digest() == earlier.bars[0].digest()


def test_fewer_bars_are_taken_where_the_data_begin(tmp_path: Path) -> None:
    (tmp_path / "AAPL_1d.csv").write_text(HEADER + "".join(line(day, 11) for day in DAYS))
    source = Catalogue(tmp_path)
    for warmup in (10, 43, 1_000_000):
        [early] = source.load(asking(warmup_bars=warmup)).warmup
        assert len(early) == min(warmup, 43)
        assert str(early.time[-1])[:10] == "2020-02-28"
    assert source.load(asking(start_date="2020-01-01", warmup_bars=5)).warmup == []


def test_doubled_and_unsorted_rows_before_the_range_count_as_the_bars_that_they_become(
    tmp_path: Path,
) -> None:
    lines = [line(day, 11 + n % 5) for n, day in enumerate(DAYS)]
    lines[35:38] = reversed(lines[35:38])
    lines.insert(41, line(DAYS[40], 15))  # two rows of a day
    (tmp_path / "AAPL_1d.csv").write_text(HEADER + "".join(lines))
    dataset = Catalogue(tmp_path).load(asking(warmup_bars=10))
    [early], [quality] = dataset.warmup, dataset.quality
    assert [str(each)[:10] for each in early.time] == [str(day) for day in DAYS[33:43]]
    assert early.close[-3] == 15
    assert (quality.duplicate_timestamps, quality.unsorted_rows) == (1, 2)
    assert (quality.rows, quality.bars) == (10 + 15 + 1, 10 + 15)
    with pytest.raises(DataError, match="timestamp of a later row"):
        Catalogue(tmp_path).load(asking(warmup_bars=10, data_quality_mode="fail"))
    sound = Catalogue(tmp_path).load(asking(warmup_bars=2, data_quality_mode="fail"))
    assert len(sound.warmup[0]) == 2


def test_a_split_before_the_range_is_a_finding_and_factors_reach_back(tmp_path: Path) -> None:
    closes = [400.0] * 40 + [100.0] * (len(DAYS) - 40)
    rows = (
        f"{day},{close},{close},{close},{close},100\n"
        for day, close in zip(DAYS, closes, strict=True)
    )
    (tmp_path / "AAPL_1d.csv").write_text(HEADER + "".join(rows))
    dataset = Catalogue(tmp_path).load(asking(warmup_bars=10))
    assert "looks like a split" in dataset.quality[0].warnings[0]
    (tmp_path / "AAPL_factors.csv").write_text(
        f"date,price factor,split factor\n{DAYS[39]},1,0.25\n"
    )
    adjusted = Catalogue(tmp_path).load(asking(warmup_bars=10, adjustment="splits"))
    assert adjusted.warmup[0].close.tolist() == [100.0] * 10
    assert not adjusted.quality[0].warnings


def test_session_dates_decide_what_lies_before_the_range(tmp_path: Path) -> None:
    hours = [
        f"{day} {hour:02}:30" for day in DAYS for hour in (18, 19, 20)
    ]  # in New York the evening of the day, in UTC the next day
    content = HEADER + "".join(line(hour, 11) for hour in hours)
    (tmp_path / "AAPL_1h.csv").write_text(content)
    zoned = asking(resolution="hour", timezone="America/New_York", warmup_bars=4)
    dataset = Catalogue(tmp_path).load(zoned)
    [early], [bars] = dataset.warmup, dataset.bars
    assert [str(each) for each in early.date] == ["2020-02-27", *["2020-02-28"] * 3]
    assert str(bars.date[0]) == "2020-03-02"
    assert len(bars) == 15 * 3


def test_a_mere_benchmark_brings_no_bars_before_the_range() -> None:
    source = Catalogue(demo_path())
    request = BacktestRequest(
        symbols=("AAPL",), benchmark_symbol="SPY", start_date="2018-03-01", end_date="2018-12-31"
    )
    warm, plain = (source.load(evolve(request, warmup_bars=n)) for n in (20, 0))
    assert [one.symbol for one in warm.warmup] == ["AAPL"]
    assert warm.bars[1].digest() == plain.bars[1].digest()


def test_a_range_without_bars_fails_although_there_are_some_before_it() -> None:
    for source in (Catalogue(), Catalogue(demo_path())):
        request = BacktestRequest(
            symbols=("AAPL",), start_date="2020-02-29", end_date="2020-03-01", warmup_bars=5
        )
        with pytest.raises(DataError, match="has no bars from"):
            source.load(request)


def test_limits_count_the_bars_before_the_range() -> None:
    source = Catalogue(max_bars=100)
    assert not list(source.problems(asking(warmup_bars=85)))
    [problem] = source.problems(asking(warmup_bars=90))
    assert "105 symbol-bars" in problem.message


@pytest.mark.parametrize("count", [-1, 1_000_001])
def test_a_number_of_bars_out_of_bounds_is_refused(count: int) -> None:
    with pytest.raises(InvalidRequestError, match="warmup_bars"):
        asking(warmup_bars=count)


def test_a_dataset_of_a_source_gives_the_result_of_the_same_bars_in_memory() -> None:
    request = BacktestRequest(**DEMO, warmup_bars=30)
    loaded = Catalogue(demo_path()).load(request)
    whole = Catalogue(demo_path()).load(evolve(request, start_date="2017-01-01", warmup_bars=0))
    one, two = backtest(request, loaded), backtest(request, whole.bars)
    assert one.curve.value.tobytes() == two.curve.value.tobytes()
    assert one.manifest["dataset"]["digest"] == two.manifest["dataset"]["digest"]
