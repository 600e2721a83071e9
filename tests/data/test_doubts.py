"""Doubts: what looks like a mistake in bars that are sound by themselves is said, never decided.

Rule: a jump like a split and bars without volume are warnings, in the report of a load, in
`data check`, in the log of a run and in its manifest; a run is never stopped by them, and their
number is bounded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glowback_trio import BacktestRequest
from glowback_trio.data import Catalogue, demo_path
from glowback_trio.data.doubts import with_doubts
from glowback_trio.data.tools import Inspection, PriceDirectory
from glowback_trio.engine import Simulation
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.request import Execution
from glowback_trio.model.result import Result

ADVICE = "; a file of factors and 'adjustment' remove such jumps"
FACTORS = "date,price factor,split factor\n2020-02-14,0.5,0.25\n"


def walk(count: int = 60, seed: int = 1, spread: float = 0.01) -> list[float]:
    steps = np.random.default_rng(seed).normal(0.0, spread, count)
    return list(100.0 * np.exp(np.cumsum(steps)))


def bars_of(closes: list[float], jump: float = 1.0, at: int = 45, volume: float = 100.0) -> Bars:
    """Daily bars from 2020 on, whose prices are divided by `jump` from bar `at` on."""
    close = np.array(closes)
    opening = np.append(close[:1], close[:-1])
    for column in (close, opening):
        column[at:] /= jump
    high, low = np.maximum(opening, close), np.minimum(opening, close)
    time = np.datetime64("2020-01-01") + np.arange(len(close))
    return Bars("A", time, opening, high, low, close, np.full(len(close), volume))


def found(bars: Bars) -> tuple[str, ...]:
    return with_doubts(bars, Quality("A", len(bars), len(bars))).warnings


def write(root: Path, bars: Bars, name: str = "A_1d.csv") -> None:
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    days = np.datetime_as_string(bars.time, "D").tolist()
    rows = zip(days, *(one.tolist() for one in columns), strict=True)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (root / name).write_text(f"date,open,high,low,close,volume\n{text}\n")


def asking(**fields: Any) -> BacktestRequest:
    return BacktestRequest(
        **{"symbols": "A", "start_date": "2020-01-01", "end_date": "2020-12-31", **fields}
    )


def run(dataset: Dataset, request: BacktestRequest) -> Result:
    simulation = Simulation(request, dataset)
    simulation.run()
    return simulation.result()


@pytest.mark.parametrize(
    ("jump", "name"),
    [(2.0, "2:1"), (1.5, "3:2"), (4.07, "4:1"), (20.0, "20:1"), (1 / 8, "1:8"), (0.51, "1:2")],
)
def test_a_jump_that_looks_like_a_split_is_named(jump: float, name: str) -> None:
    day = "2020-02-15"  # bar 45
    [sentence] = found(bars_of(walk(), jump))
    what = f"A: 1 jump looks like a split that the prices are not adjusted for: {day} ({name})"
    assert sentence == what + ADVICE


@pytest.mark.parametrize("jump", [1.0, 1.2, 1.35, 1.7, 2.2, 1 / 1.5])
def test_a_jump_that_no_company_would_make_is_news(jump: float) -> None:
    assert found(bars_of(walk(), jump)) == ()


def test_a_price_that_is_back_at_once_is_no_split() -> None:
    bars = bars_of(walk())
    opening = bars.open.copy()
    opening[45] *= 2
    high = np.maximum(bars.high, opening)
    spiked = Bars("A", bars.time, opening, high, bars.low, bars.close, bars.volume)
    assert found(spiked) == ()


def test_a_market_that_halves_every_week_has_no_splits() -> None:
    assert not any("split" in one for one in found(bars_of(walk(200, spread=0.2), 2.0)))


def test_many_jumps_make_one_sentence() -> None:
    closes = [100.0 * 2.0 ** -(day // 20) for day in range(200)]
    close = np.array(closes)
    bars = Bars("A", bars_of(walk(200)).time, close, close, close, close, close)
    [sentence] = found(bars)
    assert sentence.startswith("A: 9 jumps look like splits")
    assert sentence.endswith(
        "2020-01-21 (2:1), 2020-02-10 (2:1), 2020-03-01 (2:1) and 6 more" + ADVICE
    )


def test_bars_without_volume_are_counted() -> None:
    bars = bars_of(walk())
    volume = bars.volume.copy()
    volume[[3, 7]] = 0
    some = Bars("A", bars.time, bars.open, bars.high, bars.low, bars.close, volume)
    assert found(some) == ("A: 2 bars have a volume of 0, the first at 2020-01-04",)
    assert found(bars_of(walk(), volume=0.0)) == ("A: no bar has a volume other than 0",)
    assert found(bars_of(walk(), volume=np.nan)) == ()


@pytest.mark.parametrize("cache", [False, True])
def test_a_run_on_a_jump_says_so_in_its_log_its_metrics_and_its_manifest(
    tmp_path: Path, *, cache: bool
) -> None:
    write(tmp_path, bars_of(walk(), 4.0))
    catalogue = Catalogue(tmp_path, cache=tmp_path / "cache" if cache else None)
    for _ in range(1 + cache):
        result = run(catalogue.load(asking()), asking())
        sentence = (
            "1 jump looks like a split that the prices are not adjusted for: 2020-02-15 (4:1)"
            + ADVICE
        )
        assert f"Data quality warning [A]: {sentence}" in result.logs
        assert result.metrics["data_quality_warning_count"] == 1
        [summary] = result.manifest["dataset"]["validation_summaries"]
        assert summary["warnings"] == [f"A: {sentence}"]
    [report] = _inspected(tmp_path)
    assert report == (f"A: {sentence}",)


def _inspected(root: Path) -> list[tuple[str, ...]]:
    directory = PriceDirectory.of(root)
    assert directory is not None
    inspection = Inspection(directory)
    assert list(inspection.read_files())
    return [report.warnings for report in inspection.reports() if report.name == "A_1d.csv"]


def test_a_split_that_the_factors_know_is_no_doubt_once_prices_are_adjusted(tmp_path: Path) -> None:
    write(tmp_path, bars_of(walk(), 4.0))
    (tmp_path / "A_factors.csv").write_text(FACTORS)
    catalogue = Catalogue(tmp_path)
    assert len(catalogue.load(asking()).quality[0].warnings) == 1
    assert catalogue.load(asking(adjustment="splits")).quality[0].warnings == ()
    assert _inspected(tmp_path) == [()]


@pytest.mark.parametrize(("adjustment", "shares"), [("splits", "4"), ("total", "8")])
def test_a_commission_per_share_on_adjusted_prices_says_how_many_shares_it_counts(
    tmp_path: Path, adjustment: str, shares: str
) -> None:
    write(tmp_path, bars_of(walk(), 4.0))
    (tmp_path / "A_factors.csv").write_text(FACTORS)
    execution = Execution(commission_per_share=0.01)
    request = asking(adjustment=adjustment, execution=execution)
    sentence = (
        "commission_per_share counts shares of the adjusted prices; at the first bar "
        f"{shares} of them stand for one that was traded"
    )
    result = run(Catalogue(tmp_path).load(request), request)
    assert f"Data quality warning [A]: {sentence}" in result.logs
    later = asking(adjustment=adjustment, execution=execution, start_date="2020-02-20")
    assert run(Catalogue(tmp_path).load(later), later).metrics["data_quality_warning_count"] == 0


def test_the_demo_is_not_user_provided_and_says_what_is_known_of_it() -> None:
    request = asking(symbols="SPY", execution=Execution(commission_per_share=0.01))
    dataset = Catalogue(demo_path()).load(request)
    result = run(dataset, request)
    described = result.manifest["dataset"]
    assert (described["dataset_kind"], described["adjusted_for"]) == ("demo", "total")
    assert "vendor is not known" in described["provenance"]
    [sentence] = [one for one in result.logs if "commission_per_share" in one]
    assert sentence == (
        "Data quality warning [SPY]: commission_per_share counts shares of the adjusted prices; "
        "it is not known how many stand for one that was traded"
    )
    plain = run(Catalogue(demo_path()).load(asking(symbols="SPY")), asking(symbols="SPY"))
    assert plain.metrics["data_quality_warning_count"] == 0


def test_a_directory_may_say_where_its_prices_come_from(tmp_path: Path) -> None:
    write(tmp_path, bars_of(walk()))
    unsaid = run(Catalogue(tmp_path).load(asking()), asking()).manifest["dataset"]
    assert (unsaid["dataset_kind"], unsaid["provenance"], unsaid["adjusted_for"]) == (
        "user_provided",
        None,
        None,
    )
    stated = '{"source": "Bought from a vendor.", "adjusted_for": "splits"}'
    (tmp_path / "provenance.json").write_text(stated)
    said = run(Catalogue(tmp_path).load(asking()), asking()).manifest["dataset"]
    assert (said["dataset_kind"], said["provenance"], said["adjusted_for"]) == (
        "user_provided",
        "Bought from a vendor.",
        "splits",
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "provenance.json: .*JSON"),
        ("[]", "expected an object with 'source', 'kind' or 'adjusted_for'"),
        ('{"origin": "x"}', "expected 'source', 'kind' or 'adjusted_for', got 'origin'"),
        ('{"adjusted_for": "yes"}', "adjusted_for: expected 'none', 'splits' or 'total', got 'y"),
        ('{"kind": []}', r"kind: expected 'demo' or 'user_provided', got \[\]"),
        ('{"source": 5}', "source: expected text of at most 1,000 characters"),
    ],
)
def test_a_statement_that_cannot_be_read_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    write(tmp_path, bars_of(walk()))
    (tmp_path / "provenance.json").write_text(text)
    with pytest.raises(DataError, match=complaint):
        Catalogue(tmp_path).load(asking())
    directory = PriceDirectory.of(tmp_path)
    assert directory is not None
    inspection = Inspection(directory)
    assert list(inspection.read_files())
    [critical] = [one.critical for one in inspection.reports() if one.name == "provenance.json"]
    assert len(critical) == 1


def test_a_log_has_a_hundred_findings_at_most(tmp_path: Path) -> None:
    names = [f"S{number:03}" for number in range(120)]
    for name in names:
        write(tmp_path, bars_of(walk(), 2.0), f"{name}_1d.csv")
    request = asking(symbols=names)
    result = run(Catalogue(tmp_path).load(request), request)
    assert sum(one.startswith("Data quality warning") for one in result.logs) == 100
    assert result.logs[-1] == "20 more findings about the data are in the manifest"
    assert len(result.manifest["dataset"]["validation_summaries"]) == 120
    assert result.metrics["data_quality_warning_count"] == 120
