"""The result as a document: its blocks, in part, thinned, and written chunk by chunk.

Doctrine: whatever is left out or thinned, what remains is byte for byte part of the whole document,
and nothing is worked out that is not read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import orjson
import pytest
from attrs import evolve
from support.engine_bars import make_bars, make_request

from glowback_trio import Result, backtest
from glowback_trio.engine.reporting.result_document import (
    BLOCKS,
    BlockName,
    result_chunks,
    result_document,
)
from glowback_trio.model.strategies.parameters import MaCrossover
from glowback_trio.wire.json_text import dumps

CURVES = ("equity_curve", "exposures")
ALWAYS = {"run_id", "benchmark_symbol", "final_cash"}


@pytest.fixture(scope="module")
def result() -> Result:
    """Some ten years of a price that wanders."""
    steps = np.random.default_rng(7).normal(0, 0.01, 2500)
    closes = 100 * np.exp(np.cumsum(steps))
    strategy = MaCrossover(short_period=3, long_period=9)
    return backtest(make_request(strategy=strategy), [make_bars("A", closes.tolist())])


def written(result: Result, **wanted: Any) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(b"".join(result_chunks(result, "run", **wanted)))
    return document


@pytest.mark.parametrize("include", [None, ["trades"], ["exposures", "manifest"], []])
@pytest.mark.parametrize("max_points", [None, 12, 500, 100_000])
def test_the_chunks_are_the_document_in_one(
    result: Result, include: Collection[BlockName] | None, max_points: int | None
) -> None:
    chunks = list(result_chunks(result, "run", include=include, max_points=max_points))
    document = result_document(result, "run", include=include, max_points=max_points)
    assert b"".join(chunks) == dumps(document)
    assert all(len(chunk) < 512 * 1024 for chunk in chunks)


def test_a_long_result_comes_in_several_chunks_and_a_short_one_in_one(result: Result) -> None:
    assert len(list(result_chunks(result, "run"))) > 5
    assert len(list(result_chunks(result, "run", include=["trades"], max_points=12))) == 1


def test_the_document_has_all_fields_of_the_contract_in_their_order(result: Result) -> None:
    document = written(result)
    assert list(document) == [
        *("run_id", "metrics_summary", "equity_curve", "benchmark_curve", "benchmark_symbol"),
        *("trades", "exposures", "order_events", "option_trades", "option_events"),
        *("portfolio_construction", "portfolio_diagnostics", "constraint_hits", "tearsheet"),
        *("logs", "final_cash", "final_positions", "manifest"),
    ]
    assert set(document) == ALWAYS | set(BLOCKS)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_that_is_not_included_is_empty(result: Result, name: BlockName) -> None:
    whole, part = written(result), written(result, include=[name])
    for each in part:
        if each == name or each in ALWAYS:
            assert part[each] == whole[each]
        else:
            assert part[each] == type(whole[each])()


def test_thinned_curves_hold_the_very_rows_of_the_whole_ones_in_order(result: Result) -> None:
    whole, thinned = written(result), written(result, max_points=100)
    for name in CURVES:
        rows = iter(whole[name])
        assert all(row in rows for row in thinned[name])
        assert 50 < len(thinned[name]) <= 100
    assert {name: whole[name] for name in whole if name not in CURVES} == {
        name: thinned[name] for name in thinned if name not in CURVES
    }


def test_thinned_curves_have_the_same_bars(result: Result) -> None:
    thinned = written(result, max_points=50)
    times = [[row["timestamp"] for row in thinned[name]] for name in CURVES]
    assert times[0] == times[1]
    whole = written(result)["equity_curve"]
    assert [times[0][0], times[0][-1]] == [whole[0]["timestamp"], whole[-1]["timestamp"]]


@pytest.mark.parametrize(
    ("curve", "column"),
    [
        *(("equity_curve", column) for column in ("value", "total_pnl", "returns", "drawdown")),
        *(("exposures", column) for column in ("cash_pct", "gross_exposure_pct")),
    ],
)
def test_thinned_curves_keep_the_extremes(result: Result, curve: str, column: str) -> None:
    whole, thinned = (
        [row[column] for row in document[curve]]
        for document in (written(result), written(result, max_points=12))
    )
    assert (min(thinned), max(thinned)) == (min(whole), max(whole))


def test_the_bars_of_a_thinned_curve_do_not_depend_on_the_included_blocks(result: Result) -> None:
    part = written(result, max_points=50, include=["exposures"])
    assert part["exposures"] == written(result, max_points=50)["exposures"]
    assert part["equity_curve"] == []


class Unreadable(Mapping[str, Any]):
    """A block that must not be worked out."""

    def __getitem__(self, key: str) -> Any:
        raise AssertionError(f"{key!r} was read")

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the block was iterated")

    def __len__(self) -> int:
        return 1


def test_nothing_is_worked_out_that_is_not_included(result: Result) -> None:
    broken = evolve(result, manifest=Unreadable())
    assert written(broken, include=["trades"])["trades"] == written(result)["trades"]
    with pytest.raises(AssertionError, match="was iterated"):
        written(broken, include=["manifest"])


def test_nothing_is_worked_out_before_its_chunk_is_read(result: Result) -> None:
    chunks = result_chunks(evolve(result, manifest=Unreadable()), "run")
    assert next(chunks) == next(result_chunks(result, "run"))
    with pytest.raises(AssertionError, match="was iterated"):
        list(chunks)
