"""Whole results, pinned in `golden/`: a change of any number is a change to be reviewed.

Each file is a data set, each entry a run on it: figures a reader can check at a glance, and a
digest of every block of the result, over values rounded to ten significant digits, so that digests
hold across versions of Python and numpy and across processors. Prices are made
without numpy's distributions, and what the bootstrap draws from them is left out, as their streams
may change. The manifest has tests of its own.

`nox -s golden` writes the files anew; the diff is what there is to review.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from attrs import frozen
from support.engine_bars import audit, make_bars, make_request

from glowback_trio.data import Catalogue, demo_path
from glowback_trio.data.sample import sample_bars
from glowback_trio.engine import backtest
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.model.bars import Bars
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import BarStrategy, Context, OnBar
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
    Strategy,
    TargetWeights,
)
from glowback_trio.wire.json_text import dumps

GOLDEN = Path(__file__).with_name("golden")
DAY_MS = 86_400_000
MINUTE_MS = 60_000
LISTED = 3  # fills that an entry lists from either end

COSTS = {
    "slippage_bps": 5.0,
    "commission_bps": 2.5,
    "commission_per_share": 0.005,
    "commission_minimum": 1.0,
}


@frozen
class Market:
    """A data set: how long its bars are, what to hold results against, and the bars."""

    resolution: Literal["minute", "day"]
    benchmark: str
    bars: Callable[[], Sequence[Bars]]


def demo() -> Sequence[Bars]:
    """Real prices: three symbols, 1511 days."""
    symbols = ("AAPL", "IBM", "SPY")
    request = make_request(symbols, start_date="2015-01-01", end_date="2020-12-31")
    return Catalogue(demo_path()).load(request).bars


def steps(seed: int, count: int) -> Iterator[float]:
    """A linear congruential generator (Numerical Recipes), as steps between -3 % and +3 %."""
    for _ in range(count):
        seed = (1_664_525 * seed + 1_013_904_223) % 2**32
        yield (seed / 2**32 - 0.5) * 0.06


def walk(symbol: str, seed: int, keep: list[int] | None = None) -> Bars:
    price, opening, close = 100.0, [], []
    for gap, step in zip(steps(seed, 300), steps(seed + 1, 300), strict=True):
        opening.append(round(price * (1.0 + gap / 4.0), 4))
        price = round(price * (1.0 + step), 4)
        close.append(price)
    return make_bars(symbol, close, opening=opening, volume=4_000.0, keep=keep)


def ragged() -> Sequence[Bars]:
    """Three symbols: whole, with holes, and with a late start and an early end; little volume."""
    return [
        walk("AAA", 1),
        walk("BBB", 2, keep=[row for row in range(300) if row % 7 != 3]),
        walk("CCC", 3, keep=list(range(40, 260))),
    ]


def many() -> Sequence[Bars]:
    """Sample data of ten symbols, one of which is traded on every day of the week."""
    start, end = np.datetime64("2021-01-01"), np.datetime64("2021-12-31")
    names = (*(f"S{number}" for number in range(9)), "BTC-USD")
    return [sample_bars(name, "day", start, end) for name in names]


def minutes() -> Sequence[Bars]:
    """Sample data of two symbols, minute by minute over three days."""
    start, end = np.datetime64("2024-03-04"), np.datetime64("2024-03-06T23:59")
    return [sample_bars(name, "minute", start, end) for name in ("ACME", "ZED")]


MARKETS = {
    "demo": Market("day", "SPY", cache(demo)),
    "ragged": Market("day", "AAA", cache(ragged)),
    "many": Market("day", "S3", cache(many)),
    "minutes": Market("minute", "ZED", cache(minutes)),
}


@frozen
class Bracketed(BarStrategy):
    """Go with a close that leaves its mean: at a limit below, or a stop above, and two exits."""

    name: ClassVar[str] = "bracketed"
    title: ClassVar[str] = "Bracketed"

    bars: int = 15
    width: float = 0.02

    def start(self) -> OnBar:
        bars, width = self.bars, self.width

        def on_bar(context: Context) -> None:
            for symbol in context.active:
                close = context.close(symbol)
                seen = context.history(symbol, bars).tolist()
                if len(seen) < bars or context.position(symbol) or context.open_orders(symbol):
                    continue
                side = 1.0 if close * bars > sum(seen) else -1.0
                entry = close * (1.0 - side * width / 8)
                context.order(
                    symbol,
                    side * 0.3 * context.equity / close,
                    limit=entry if context.count(symbol) % 2 else None,
                    time_in_force="DAY" if context.count(symbol) % 3 else "GTC",
                    stop_loss=close * (1.0 - side * width),
                    take_profit=close * (1.0 + side * 2.0 * width),
                )

        return on_bar


BUILT_IN: Mapping[str, Strategy] = {
    "buy_and_hold": BuyAndHold(),
    "ma_crossover": MaCrossover(short_period=5, long_period=15),
    "ma_crossover long only": MaCrossover(direction="long_only"),
    "momentum": Momentum(momentum_threshold=0.2),
    "mean_reversion": MeanReversion(entry_threshold=1.5),
    "rsi": Rsi(oversold_threshold=40.0),
    "rsi cutler": Rsi(smoothing="cutler", oversold_threshold=40.0),
    "brackets": Bracketed(),
}


@frozen
class Case:
    """A run on a market, on top of the costs that all runs have."""

    strategy: Strategy
    execution: Mapping[str, Any] = {}
    portfolio: PortfolioConstruction | None = None


def held(weights: Mapping[str, float], **limits: Any) -> Case:
    portfolio = PortfolioConstruction(target_weights=weights, **limits)
    return Case(TargetWeights(), portfolio=portfolio)


CROSSOVER, REVERSION = BUILT_IN["ma_crossover"], BUILT_IN["mean_reversion"]
FINANCED = {"max_leverage": 2.0, "borrow_rate": 0.03, "margin_interest_rate": 0.05}
LIMITS = {"max_weight_pct": 40.0, "max_turnover_pct": 10.0, "cash_floor_pct": 10.0}
RUNS: Mapping[tuple[str, str], Case] = {
    (market, name): Case(strategy)
    for market, (name, strategy) in itertools.product(MARKETS, BUILT_IN.items())
} | {
    ("ragged", "volume cap"): Case(CROSSOVER, {"max_volume_participation": 0.1}),
    ("ragged", "impact"): Case(CROSSOVER, {"slippage_volume_impact": 0.1}),
    ("ragged", "whole shares"): Case(BUILT_IN["momentum"], {"whole_shares": True}),
    ("ragged", "latency"): Case(REVERSION, {"latency_ms": 2 * DAY_MS}),
    ("ragged", "half leverage"): Case(REVERSION, {"allow_short": False, "max_leverage": 0.5}),
    ("demo", "sized at the fill"): Case(CROSSOVER, {"size_at": "fill", "whole_shares": True}),
    ("demo", "financed"): Case(MaCrossover(position_size=1.0), FINANCED),
    ("demo", "brackets financed"): Case(Bracketed(width=0.05), {**FINANCED, "borrow_rate": 0.3}),
    ("minutes", "latency"): Case(CROSSOVER, {"latency_ms": 5 * MINUTE_MS // 2}),
    ("minutes", "maker"): Case(Bracketed(width=0.002), {"maker_commission_bps": 0.0}),
    ("many", "volume cap"): Case(REVERSION, {"max_volume_participation": 0.0001}),
    ("demo", "weights"): held({"AAPL": 0.3, "IBM": 0.3, "SPY": 0.4}, max_drawdown_pct=15.0),
    ("ragged", "weights"): held({"AAA": 0.6, "BBB": 0.2, "CCC": 0.2}, **LIMITS),
    ("many", "weights"): held({f"S{n}": 0.1 for n in range(9)}, rebalance_frequency="monthly"),
    ("minutes", "weights"): held({"ACME": 0.5, "ZED": 0.5}, drift_threshold_pct=0.1),
}


def run(market: str, name: str) -> Result:
    wanted, chosen = RUNS[market, name], MARKETS[market]
    bars = chosen.bars()
    request = make_request(
        [one.symbol for one in bars],
        wanted.strategy,
        execution={**COSTS, **wanted.execution},
        portfolio_construction=wanted.portfolio,
        initial_capital=1e6,
        resolution=chosen.resolution,
        benchmark_symbol=chosen.benchmark,
        start_date="2015-01-01",
    )
    return backtest(request, bars)


def entry(result: Result) -> dict[str, Any]:
    """What is written of a result."""
    document = json.loads(dumps(result_document(result, "run")))
    del document["run_id"], document["manifest"], document["tearsheet"]["robustness"]
    fills = [described(fill) for fill in document["trades"]]
    return {
        "final_value": f"{result.curve.value[-1]:.2f}",
        "max_drawdown_pct": f"{result.metrics['max_drawdown']:.4f}",
        "fills": len(fills),
        "first_fills": fills[:LISTED],
        "last_fills": fills[-LISTED:],
        "digests": {name: digest(block) for name, block in document.items() if block},
    }


def described(fill: Mapping[str, Any]) -> str:
    pnl = "" if fill["pnl"] is None else f", pnl {fill['pnl']:.2f}"
    what = f"{fill['action']} {fill['shares']:.4f} {fill['symbol']} at {fill['price']:.4f}"
    return f"{fill['timestamp'][:16]} {what}, commission {fill['commission']:.2f}{pnl}"


def digest(block: Any) -> str:
    return hashlib.sha256(json.dumps(rounded(block), sort_keys=True).encode()).hexdigest()[:16]


def rounded(value: Any) -> Any:
    """The same with every number written with ten significant digits."""
    match value:
        case float():
            return f"{value + 0.0:.9e}"  # minus nothing is nothing
        case dict():
            return {name: rounded(part) for name, part in value.items()}
        case list():
            return [rounded(part) for part in value]
        case _:
            return value


@cache
def golden(market: str) -> dict[str, Any]:
    path = GOLDEN / f"{market}.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


@pytest.mark.parametrize(("market", "name"), RUNS)
def test_a_result_is_what_it_was(market: str, name: str) -> None:
    result = run(market, name)
    assert len(result.trades) >= 2
    assert entry(result) == golden(market).get(name), (
        f"{name!r} on {market!r} gives other numbers than golden/{market}.json has. If that is "
        "meant, write them anew with `nox -s golden`, and say in the commit why they changed."
    )


def test_every_golden_entry_is_held_against_a_run() -> None:
    kept = {(path.stem, name) for path in GOLDEN.iterdir() for name in golden(path.stem)}
    assert kept == set(RUNS)


def test_a_digest_sees_the_tenth_digit_and_nothing_beyond() -> None:
    assert digest([{"a": 1.2345678901}]) == digest([{"a": 1.2345678902}])
    assert digest([{"a": 1.234567890}]) != digest([{"a": 1.234567891}])
    assert digest([0.0, None]) == digest([-0.0, None]) != digest([None, 0.0])


def write() -> None:
    """Write all golden files anew, once every run has passed the audit."""
    for market, chosen in MARKETS.items():
        entries = {}
        for name in (name for of, name in RUNS if of == market):
            result = run(market, name)
            audit(result, chosen.bars())
            entries[name] = entry(result)
        (GOLDEN / f"{market}.json").write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    write()
