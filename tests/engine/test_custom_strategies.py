"""Custom strategies called at every bar: what they see, what they may order, how they fail.

By rule a strategy sees the past and nothing else, what it orders fills on a later bar, and what it
raises ends its own run with the time of the bar in the message.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import pytest
from attrs import frozen
from support.engine_bars import (
    as_bytes,
    audit,
    fills,
    in_memory,
    make_bars,
    make_request,
    order_story,
)
from support.scripted_orders import Act, acting, make_ohlc, ordering, starting

from glowback_trio.engine import Simulation, backtest
from glowback_trio.errors import StrategyError
from glowback_trio.model.bars import Bars
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import Bar, BarStrategy, Context, OnBar


def run(strategy: Any, *bars: Bars, **execution: Any) -> Result:
    given = bars or (make_bars("A", [10.0, 11.0, 12.0, 13.0]),)
    symbols = [one.symbol for one in given]
    result = backtest(make_request(symbols, strategy, execution=execution), given)
    audit(result, given)
    return result


def seen_by(look: Any, *bars: Bars, **execution: Any) -> list[Any]:
    """What a look at the context gives at every bar."""
    seen: list[Any] = []
    run(starting(lambda: lambda context: seen.append(look(context))), *bars, **execution)
    return seen


RAGGED = (
    make_bars("A", [10.0, 11.0, 12.0, 13.0], keep=[0, 1, 3]),
    make_bars("B", [20.0, 21.0, 22.0, 23.0], keep=[1, 2]),
)


def test_the_context_shows_the_past_and_nothing_more() -> None:
    assert [str(time)[:10] for time in seen_by(lambda c: c.time, *RAGGED)] == [
        "2024-01-01",
        "2024-01-02",
        "2024-01-03",
        "2024-01-04",
    ]
    assert seen_by(lambda c: tuple(c.symbols), *RAGGED) == [("A", "B")] * 4
    assert seen_by(lambda c: list(c.active), *RAGGED) == [["A"], ["A", "B"], ["B"], ["A"]]
    assert seen_by(lambda c: (c.count("A"), c.count("B")), *RAGGED) == [
        (1, 0),
        (2, 1),
        (2, 2),
        (3, 2),
    ]
    assert seen_by(lambda c: c.close("A"), *RAGGED) == [10.0, 11.0, 11.0, 13.0]
    closes = seen_by(lambda c: c.close("B"), *RAGGED)
    assert math.isnan(closes[0])
    assert closes[1:] == [21.0, 22.0, 22.0]
    assert seen_by(lambda c: c.history("A", 2).tolist(), *RAGGED) == [
        [10.0],
        [10.0, 11.0],
        [10.0, 11.0],
        [11.0, 13.0],
    ]
    assert seen_by(lambda c: c.history("B", 9, "volume").tolist(), *RAGGED)[0] == []


def test_a_bar_is_a_bar_of_plain_numbers() -> None:
    bars = make_ohlc([(1, 4, 0.5, 2), (2, 5, 1.5, 3)], volume=7.0)
    seen = seen_by(lambda c: c.bar("A"), bars)
    assert seen == [Bar(1, 4, 0.5, 2, 7), Bar(2, 5, 1.5, 3, 7)]
    assert all(type(number) is float for bar in seen for number in bar)
    assert seen_by(lambda c: c.bar("B"), *RAGGED)[0] is None


def test_history_cannot_be_written_to() -> None:
    (*_, history) = seen_by(lambda c: c.history("A", 2))
    with pytest.raises(ValueError, match="read-only"):
        history[0] = 1.0


def test_the_account_is_that_of_the_close() -> None:
    looks: list[tuple[float, float, float]] = []

    def begin() -> Act:
        def on_bar(context: Context) -> None:
            looks.append((context.cash, context.position("A"), context.equity))
            if context.count("A") == 1:
                context.order("A", 5.0)

        return on_bar

    result = run(starting(begin))
    assert looks == [(1000, 0, 1000), (950, 5, 1005), (950, 5, 1010), (950, 5, 1015)]
    assert result.curve.value.tolist() == [equity for _, _, equity in looks]


def test_open_orders_are_listed_by_age_and_symbol() -> None:
    listed: list[Any] = []

    def look(context: Context) -> None:
        numbers = [context.order("B", 1.0, limit=1.0), context.order("A", 1.0, limit=1.0)]
        listed.append((numbers, context.open_orders(), context.open_orders("A")))
        assert context.cancel(numbers[0])
        listed.append((context.open_orders(), context.cancel(99)))

    bars = [make_bars(symbol, [10.0] * 3) for symbol in "AB"]
    run(acting({0: look}), *bars)
    assert listed == [([1, 2], [1, 2], [2]), ([2], False)]


def test_a_target_replaces_the_one_before_and_no_other_orders() -> None:
    def aim(context: Context) -> None:
        context.order("A", 1.0, limit=5.0)
        context.target("A", 0.5)
        context.target("A", 0.25)

    story = order_story(run(acting({0: aim}), make_bars("A", [10.0] * 2)))
    assert story == [
        ("submitted", 0, "A", 1.0),
        ("submitted", 0, "A", 50.0),
        ("cancelled", 0, "A", 50.0),
        ("submitted", 0, "A", 25.0),
        ("filled", 1, "A", 25.0),
        ("cancelled", 1, "A", 1.0),
    ]


def test_what_a_strategy_logs_is_in_the_result_and_emitted_at_its_bar() -> None:
    strategy = acting(
        {1: lambda context: context.log("risen"), 2: lambda context: context.log("!")}
    )
    simulation = Simulation(make_request(strategy=strategy), in_memory([make_bars("A", [1.0] * 3)]))
    drafts = simulation.advance(10)
    logged = [(draft.bar, draft.payload) for draft in drafts if draft.type == "log"]
    assert logged == [
        (1, b'{"level":"info","message":"risen"}'),
        (2, b'{"level":"info","message":"!"}'),
    ]


def test_latency_holds_for_orders_and_targets_alike() -> None:
    def order_both(context: Context) -> None:
        context.order("A", 1.0)
        context.target("A", 0.5)

    both = acting({0: order_both})
    bars = make_bars("A", [10.0] * 5)
    assert [fill[0] for fill in fills(run(both, bars, latency_ms=2 * 86_400_000))] == [2, 2]


def test_every_run_starts_anew() -> None:
    strategy = starting(_buy_on_third)
    bars = [make_bars("A", [10.0] * 5)]
    request = make_request(strategy=strategy)
    assert as_bytes(backtest(request, bars)) == as_bytes(backtest(request, bars))


def _buy_on_third() -> Act:
    seen: list[float] = []

    def on_bar(context: Context) -> None:
        seen.append(context.close("A"))
        if len(seen) == 3:
            context.target("A", 1.0)

    return on_bar


def test_equity_at_zero_closes_everything_and_calls_the_strategy_no_more() -> None:
    called: list[int] = []

    def begin() -> Act:
        def on_bar(context: Context) -> None:
            called.append(context.count("A"))
            if len(called) == 1:
                context.order("A", -90.0, stop_loss=1000.0)
            context.log("here")

        return on_bar

    bars = make_bars("A", [10.0, 10.0, 22.0, 21.0, 5.0])
    result = run(starting(begin), bars)
    assert called == [1, 2]
    assert fills(result) == [(1, "A", -90.0, 10.0), (3, "A", 90.0, 22.0)]
    assert "cancelled" in result.orders.event  # the exit
    assert result.final_positions == {}


def test_equity_of_exactly_zero_is_ruin_too() -> None:
    bars = make_ohlc([(10, 10, 10, 10), (10, 10, 10, 10), (5, 5, 5, 5), (9, 9, 9, 9)])
    calls: list[float] = []

    def begin() -> Act:
        def on_bar(context: Context) -> None:
            calls.append(context.equity)
            if len(calls) == 1:
                context.order("A", 100.0)
            if len(calls) == 2:
                context.order("A", -100.0)

        return on_bar

    result = run(starting(begin), bars, commission_minimum=250.0, max_leverage=2.0)
    assert result.curve.value.tolist() == [1000.0, 750.0, 0.0, 0.0]
    assert calls == [1000.0, 750.0]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda c: c.order("A", 0.0), "a finite number other than 0, not 0.0"),
        (lambda c: c.order("A", math.nan), "a finite number other than 0, not nan"),
        (lambda c: c.order("A", 1.0, limit=-1.0), "limit should be a positive price, not -1.0"),
        (
            lambda c: c.order("A", 1.0, stop_loss=math.inf),
            "stop_loss should be a positive price, not inf",
        ),
        (lambda c: c.order("A", 1.0, stop=1.0, trail=1.0), "cannot have stop and trail at once"),
        (lambda c: c.order("A", 1.0, time_in_force="gtc"), "GTC, DAY, IOC, FOK, not 'gtc'"),
        (lambda c: c.order("X", 1.0), "'X' is not a symbol of this run; known: A"),
        (lambda c: c.target("A", math.inf), "a target is a finite fraction, not inf"),
        (lambda c: c.history("A", 0), "at least 1 bar, not 0"),
        (lambda c: c.history("A", 1, "price"), "'close' or 'volume', not 'price'"),
        (lambda c: c.nothing(), "AttributeError: .*nothing"),
        (lambda c: c.count(0 / 0), "ZeroDivisionError: division by zero"),
    ],
)
def test_a_failure_of_a_strategy_names_the_time_of_the_bar(act: Any, said: str) -> None:
    with pytest.raises(StrategyError, match=rf"^acting failed at the bar of 2024-01-02: .*{said}"):
        run(acting({1: act}))


def test_orders_need_a_last_price_and_at_least_one_unit() -> None:
    with pytest.raises(StrategyError, match="B has no bar yet"):
        run(acting({0: ordering("B")}), *RAGGED)
    with pytest.raises(StrategyError, match="less than one unit"):
        run(acting({0: ordering("A", 0.5)}), whole_shares=True)


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        (lambda: 1 / 0, "acting failed to start: ZeroDivisionError"),
        (lambda: None, "acting: `start` should return a function to call at every bar, not None"),
    ],
)
def test_a_strategy_that_does_not_start_says_so(begin: Any, said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        run(starting(begin))


def test_a_strategy_without_a_name_is_refused_where_it_is_made() -> None:
    @frozen
    class Nameless(BarStrategy):
        def start(self) -> OnBar:
            return lambda _context: None

    with pytest.raises(StrategyError, match="Nameless needs a name"):
        Nameless()


def test_parameters_without_the_decorator_are_refused() -> None:
    class Undecorated(BarStrategy):
        name: ClassVar[str] = "undecorated"
        title: ClassVar[str] = "Undecorated"
        lookback: int = 20

        def start(self) -> OnBar:
            return lambda _context: None

    with pytest.raises(StrategyError, match=r"Undecorated should be decorated with attrs\.frozen"):
        Undecorated()


@pytest.mark.parametrize("slices", [[10], [1], [2, 1], [3, 10]])
def test_events_up_to_a_failure_are_emitted_however_the_run_is_sliced(slices: list[int]) -> None:
    slices = list(slices)

    def fail(context: Context) -> None:
        context.log("about to fail")
        raise LookupError("lost")

    strategy = acting({0: ordering("A"), 3: fail})
    simulation = Simulation(make_request(strategy=strategy), in_memory([make_bars("A", [1.0] * 4)]))
    emitted: list[tuple[str, int]] = []

    def advance_to_the_end() -> None:
        while not simulation.finished:
            wanted = slices.pop(0) if len(slices) > 1 else slices[0]
            emitted.extend((draft.type, draft.bar) for draft in simulation.advance(wanted))

    with pytest.raises(StrategyError, match=r"2024-01-04: LookupError: lost") as raised:
        advance_to_the_end()
    assert isinstance(raised.value.__cause__, LookupError)
    assert [each for each in emitted if each[0] in ("trade", "log")] == [("trade", 1), ("log", 3)]
    assert emitted[-1] == ("progress", 3)
