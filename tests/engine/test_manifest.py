"""The manifest describes a run, is the same every time, and is enough to run it again.

Doctrine: the replay request is replayed, and the result compared byte for byte.
"""

from __future__ import annotations

from attrs import evolve
from support.engine_bars import as_bytes, in_memory, make_bars, make_request

from glowback_trio.engine import Simulation, backtest
from glowback_trio.model.bars import Dataset
from glowback_trio.model.request import Stream
from glowback_trio.model.strategies.parameters import MaCrossover, MeanReversion
from glowback_trio.version import VERSION
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.requests import parse_request

BARS = [make_bars("B", [10.0, 12.0, 11.0, 13.0]), make_bars("A", [20.0, 19.0, 22.0], step="W")]


def test_the_manifest_describes_strategy_data_costs_and_annualisation() -> None:
    request = make_request(
        ("B", "A"), MaCrossover(short_period=1, long_period=2), execution={"slippage_bps": 2.5}
    )
    manifest = backtest(request, BARS).manifest
    assert manifest["engine"] == {"name": "glowback-trio", "version": VERSION}
    assert manifest["strategy"]["strategy_id"] == "ma_crossover"
    assert manifest["strategy"]["name"] == "Moving Average Crossover"
    assert manifest["strategy"]["parameters"]["long_period"] == 2
    dataset = manifest["dataset"]
    assert dataset["symbols"] == ["A", "B"]
    assert dataset["bar_counts"] == {"A": 3, "B": 4}
    assert (dataset["total_bars"], dataset["data_source"]) == (7, "memory")
    assert dataset["first_bar"] == "2024-01-01T00:00:00+00:00"
    assert dataset["last_bar"] == "2024-01-15T00:00:00+00:00"
    assert (dataset["first_date"], dataset["last_date"]) == ("2024-01-01", "2024-01-15")
    assert dataset["bars"] == 6
    assert dataset["digest"] == "sha256:" + in_memory(BARS).digest()
    assert dataset["bar_digests"] == {one.symbol: "sha256:" + one.digest() for one in BARS}
    assert manifest["execution"]["slippage_bps"] == 2.5
    assert manifest["execution"]["latency_ms"] == 0
    assert manifest["annualisation"] == {
        "periods_per_year": 252.0,
        "derived_from": "bars",
        "how": "252 trading days a year, by the distance of the bars and weekdays, as 6 bars on "
        "6 days are too few to count",
        "risk_free_rate": 0.0,
        "ddof": 1,
    }
    assert set(manifest["metric_snapshot"]) == {
        "final_value",
        "total_return",
        "max_drawdown",
        "sharpe_ratio",
        "total_trades",
    }


def test_the_manifest_is_the_same_every_time_and_is_json() -> None:
    request = make_request(("B", "A"))
    assert dumps(backtest(request, BARS).manifest) == dumps(backtest(request, BARS).manifest)


def test_the_digest_follows_the_bars() -> None:
    other = [BARS[0], make_bars("A", [20.0, 19.0, 22.000001], step="W")]
    request = make_request(("B", "A"))
    digests = {backtest(request, bars).manifest["dataset"]["digest"] for bars in (BARS, other)}
    assert len(digests) == 2


def test_the_replay_request_is_the_request_and_gives_the_same_bytes() -> None:
    request = make_request(  # whole numbers are written as the floats they mean
        ("B", "A"),
        MeanReversion(lookback_period=2, entry_threshold=0.5),
        execution={"commission_bps": 1, "latency_ms": 5, "whole_shares": True},
        end_date="2025-06-30T12:00:00+02:00",
        risk_free_rate=0,
        periods_per_year=260.0,
        stream=Stream(orders=True),
    )
    result = backtest(request, BARS)
    replayed = parse_request(result.manifest["replay_request"])
    assert evolve(replayed, stream=request.stream) == request
    assert as_bytes(backtest(replayed, BARS)) == as_bytes(result)


def test_a_replay_names_the_source_that_default_stood_for() -> None:
    request = make_request(("B", "A"))
    simulation = Simulation(request, Dataset(BARS, "csv", "user_provided", []))
    simulation.run()
    manifest = simulation.result().manifest
    assert manifest["replay_request"]["data_source"] == "csv"
    assert manifest["dataset"]["data_source"] == "csv"
    assert backtest(request, BARS).manifest["replay_request"]["data_source"] == "default"
