"""Documents are read strictly, and every problem of one is found at once, each with its path.

Doctrine: a request that is written and read again is equal; each field is tried just outside its
bounds; and no document at all, however wild, raises anything but problems.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.request import BacktestRequest, Execution, Stream
from glowback_trio.model.strategies.parameters import STRATEGIES, MaCrossover, MeanReversion
from glowback_trio.wire.requests import parse_request, request_document

MINIMAL: dict[str, Any] = {
    "symbols": ["AAPL"],
    "start_date": "2024-01-01T00:00:00Z",
    "end_date": "2024-12-31T23:59:59Z",
}


def problems(**changes: Any) -> dict[tuple[str | int, ...], Problem]:
    with pytest.raises(InvalidRequestError) as caught:
        parse_request({**MINIMAL, **changes})
    return {problem.path: problem for problem in caught.value.problems}


def strategy(name: str, **params: Any) -> dict[str, Any]:
    return {"name": name, "params": params}


def test_the_documented_example_of_the_reference_is_read() -> None:
    request = parse_request(
        {
            **MINIMAL,
            "resolution": "day",
            "strategy": {"name": "buy_and_hold"},
            "execution": {"slippage_bps": 1.0, "commission_bps": 0.5},
        }
    )
    assert request.symbols == ("AAPL",)
    assert request.execution == Execution(slippage_bps=1.0, commission_bps=0.5)
    assert request.initial_capital == 1_000_000.0


def test_a_request_written_and_read_again_is_equal() -> None:
    request = BacktestRequest(
        symbols=[" SPY", "BRK.B"],
        start_date="2015-01-01",
        end_date="2020-12-31",
        strategy=MeanReversion(lookback_period=5),
        execution=Execution(latency_ms=7, max_volume_participation=0.1),
        stream=Stream(metrics_every=0, pace_bars_per_s=2.5),
        risk_free_rate=0.02,
    )
    assert parse_request(request_document(request)) == request


def test_symbols_are_trimmed() -> None:
    assert parse_request({**MINIMAL, "symbols": [" AAPL", "SPY "]}).symbols == ("AAPL", "SPY")


def test_a_whole_number_is_a_float_where_a_float_is_meant() -> None:
    whole = parse_request({**MINIMAL, "initial_capital": 5})
    assert request_document(whole)["initial_capital"] == 5.0
    assert type(whole.initial_capital) is float


def test_an_alias_and_loose_spelling_name_the_same_strategy() -> None:
    request = parse_request(
        {**MINIMAL, "strategy": strategy(" Moving_Average_Crossover ", short_period=3)}
    )
    assert request.strategy == MaCrossover(short_period=3)


def test_all_problems_come_at_once_each_with_its_path() -> None:
    found = problems(
        symbols=["AAPL", "..", 3],
        resolution="dya",
        strategy=strategy("ma_crossover", short_period=30.5, long_period=0, foo=1),
        execution={"slippage_bps": "1", "commission_bps": -1, "slipage_bps": 0},
        initial_capital=True,
        timezone="Mars",
        sybols=[],
    )
    assert set(found) == {
        ("sybols",),
        ("symbols", 1),
        ("symbols", 2),
        ("resolution",),
        ("strategy", "params", "foo"),
        ("strategy", "params", "short_period"),
        ("strategy", "params", "long_period"),
        ("execution", "slipage_bps"),
        ("execution", "slippage_bps"),
        ("execution", "commission_bps"),
        ("initial_capital",),
        ("timezone",),
    }
    assert "did you mean 'symbols'" in found[("sybols",)].message
    assert found[("execution", "slippage_bps")].value == "1"


def test_fields_that_can_be_read_are_compared_though_others_cannot() -> None:
    found = problems(end_date="2023-01-01", initial_capital="x")
    assert set(found) == {("end_date",), ("initial_capital",)}


@pytest.mark.parametrize("sent", ["2023-12-31", "2023-12-31T12:00:00+02:00"])
def test_an_end_before_the_start_is_echoed_as_it_was_sent(sent: str) -> None:
    (problem,) = problems(end_date=sent).values()
    assert problem.message == "Input should be after start_date, which is 2024-01-01"
    assert problem.value == sent


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("rsi", 'such as {"name": "rsi"}'),
        ("RSI ", 'such as {"name": "rsi"}'),
        ("macrossover", "did you mean 'ma_crossover'"),
    ],
)
def test_a_strategy_given_as_text_gets_the_object_it_should_be(text: str, advice: str) -> None:
    assert advice in problems(strategy=text)[("strategy",)].message


@pytest.mark.parametrize("weights", [{}, {"AAPL": 0}, {"AAPL": 0.6, "B": 0.6}])
def test_weights_are_refused_with_their_whole_rule(weights: dict[str, float]) -> None:
    construction = {"target_weights": weights}
    found = problems(symbols=["AAPL", "B"], portfolio_construction=construction)
    message = found[("portfolio_construction", "target_weights")].message
    for part in ("fractions of equity", "from 0 to 1", "at least one above 0", "sum above 1"):
        assert part in message


# Field by field: a value just outside its bounds, or of the wrong type, and the path it must name.
REFUSED: list[tuple[tuple[str | int, ...], dict[str, Any]]] = [
    (("symbols",), {"symbols": []}),
    (("symbols",), {"symbols": [f"S{n}" for n in range(1001)]}),
    (("symbols",), {"symbols": "AAPL"}),
    (("symbols",), {"symbols": None}),
    (("symbols", 0), {"symbols": ["../etc/passwd"]}),
    (("symbols", 0), {"symbols": [""]}),
    (("symbols", 0), {"symbols": ["A" * 33]}),
    (("symbols", 0), {"symbols": ["A..B"]}),
    (("symbols", 1), {"symbols": ["A", " A "]}),
    (("start_date",), {"start_date": "yesterday"}),
    (("start_date",), {"start_date": 1704067200}),
    (("start_date",), {"start_date": "0001-01-01"}),
    (("start_date",), {"start_date": "2024-02-30"}),
    (("end_date",), {"end_date": "9999-12-31T23:59:59-14:00"}),
    (("end_date",), {"end_date": MINIMAL["start_date"]}),
    (("resolution",), {"resolution": "tick"}),
    (("strategy", "name"), {"strategy": strategy("covered_call")}),
    (("strategy", "name"), {"strategy": {"name": 3}}),
    (("strategy", "nme"), {"strategy": {"nme": "rsi"}}),
    (("strategy", "params"), {"strategy": {"name": "rsi", "params": []}}),
    (("strategy",), {"strategy": "rsi"}),
    (
        ("strategy", "params", "short_period"),
        {"strategy": strategy("ma_crossover", short_period=20, long_period=20)},
    ),
    (
        ("strategy", "params", "direction"),
        {"strategy": strategy("ma_crossover", direction="up")},
    ),
    (
        ("strategy", "params", "oversold_threshold"),
        {"strategy": strategy("rsi", oversold_threshold=70)},
    ),
    (
        ("strategy", "params", "position_size"),
        {"strategy": strategy("buy_and_hold", position_size=0)},
    ),
    (
        ("strategy", "params", "position_size"),
        {"strategy": strategy("buy_and_hold", position_size=1.01)},
    ),
    (
        ("strategy", "params", "lookback_period"),
        {"strategy": strategy("momentum", lookback_period=True)},
    ),
    (("execution",), {"execution": None}),
    (("execution", "slippage_bps"), {"execution": {"slippage_bps": 1000.5}}),
    (("execution", "latency_ms"), {"execution": {"latency_ms": 1.5}}),
    (("execution", "latency_ms"), {"execution": {"latency_ms": 31 * 86_400_000}}),
    (("execution", "commission_per_share"), {"execution": {"commission_per_share": -0.1}}),
    (("execution", "commission_minimum"), {"execution": {"commission_minimum": -1}}),
    (("execution", "whole_shares"), {"execution": {"whole_shares": 1}}),
    (("execution", "max_leverage"), {"execution": {"max_leverage": 0}}),
    (
        ("execution", "max_volume_participation"),
        {"execution": {"max_volume_participation": 1.1}},
    ),
    (("initial_capital",), {"initial_capital": 0}),
    (("initial_capital",), {"initial_capital": 1.1e12}),
    (("currency",), {"currency": "usd"}),
    (("timezone",), {"timezone": "../UTC"}),
    (("timezone",), {"timezone": "x" * 65}),
    (("benchmark_symbol",), {"benchmark_symbol": "S P Y"}),
    (("portfolio_construction",), {"strategy": strategy("target_weights")}),
    (
        ("strategy",),
        {
            "strategy": strategy("rsi"),
            "portfolio_construction": {"target_weights": {"AAPL": 1.0}},
        },
    ),
    (
        ("portfolio_construction", "target_weights", "MSFT"),
        {"portfolio_construction": {"target_weights": {"AAPL": 0.5, "MSFT": 0.5}}},
    ),
    (
        ("portfolio_construction", "target_weights"),
        {"portfolio_construction": {"target_weights": {"A": 0.6, "B": 0.6}}},
    ),
    (("data_source",), {"data_source": "feather"}),
    (("adjustment",), {"adjustment": "dividends"}),
    (("calendar",), {"calendar": ""}),
    (("data_source",), {"data_source": "internet"}),
    (("csv_data_path",), {"csv_data_path": "prices"}),
    (("data_quality_mode",), {"data_quality_mode": "ignore"}),
    (("risk_free_rate",), {"risk_free_rate": "2%"}),
    (("periods_per_year",), {"periods_per_year": 0}),
    (("stream", "metrics_every"), {"stream": {"metrics_every": -1}}),
    (("stream", "progress_steps"), {"stream": {"progress_steps": 1001}}),
    (("stream", "pace_bars_per_s"), {"stream": {"pace_bars_per_s": 0}}),
    (("stream", "trades"), {"stream": {"trades": "yes"}}),
]


@pytest.mark.parametrize(("path", "changes"), REFUSED)
def test_a_value_out_of_bounds_is_refused_at_its_path(
    path: tuple[str | int, ...], changes: dict[str, Any]
) -> None:
    assert set(problems(**changes)) == {path}


@pytest.mark.parametrize("missing", ["symbols", "start_date", "end_date"])
def test_a_missing_field_is_named(missing: str) -> None:
    document = {name: value for name, value in MINIMAL.items() if name != missing}
    with pytest.raises(InvalidRequestError) as caught:
        parse_request(document)
    assert [(p.kind, p.path) for p in caught.value.problems] == [("missing", (missing,))]


@pytest.mark.parametrize("document", [None, [], "x", 3, True])
def test_a_document_that_is_no_object_is_one_problem(document: object) -> None:
    with pytest.raises(InvalidRequestError, match="should be an object"):
        parse_request(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
fields = st.sampled_from([*MINIMAL, "strategy", "execution", "stream", "csv_data_path", "x"])


@given(st.dictionaries(fields, json_values) | json_values)
def test_no_document_at_all_raises_anything_but_problems(document: object) -> None:
    try:
        parse_request(document)
    except InvalidRequestError as error:
        complaints = error.problems
    else:
        return
    assert all(problem.message for problem in complaints)


@given(st.sampled_from(sorted(STRATEGIES)), st.dictionaries(st.text(), json_values))
def test_no_parameters_at_all_raise_anything_but_problems(
    name: str, params: dict[str, Any]
) -> None:
    weights = {"target_weights": {"AAPL": 1.0}} if name == "target_weights" else None
    document = {"strategy": {"name": name, "params": params}, "portfolio_construction": weights}
    try:
        parse_request({**MINIMAL, **document})
    except InvalidRequestError as error:
        complaints = error.problems
    else:
        return
    assert all(problem.path[:2] == ("strategy", "params") for problem in complaints)


def test_of_thousands_of_unknown_fields_the_first_few_get_advice() -> None:
    names = [f"symbol{number}" for number in range(4000)]
    found = problems(**dict.fromkeys(names, 1))
    assert list(found) == [(name,) for name in names]
    advised = [path for path, problem in found.items() if "did you mean" in problem.message]
    assert advised == [(name,) for name in names[:5]]
    assert found[names[5],].message == "Unknown field 'symbol5'"
