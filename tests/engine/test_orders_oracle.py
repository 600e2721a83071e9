"""Random orders: one against a plain loop, and many against their mirror image.

Prices are quarters, which are exact in floats, so that a touch is a touch and a mirrored price is
its mirror.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.engine_bars import fills, make_request
from support.scripted_orders import Row, Wish, make_ohlc, walks, wishes, wishing

from glowback_trio.engine import backtest


def outcome(rows: list[Row], wish: Wish, days: list[int]) -> tuple[int, float] | None:
    """Find where a single order fills, the plain way, written out for either side."""
    close, buys = rows[wish.bar][3], wish.quantity > 0
    prices = {name: close + away for name, away in wish.prices.items()}
    stop, limit, trail = prices.get("stop"), prices.get("limit"), wish.prices.get("trail")
    if trail is not None:
        stop = close + trail if buys else close - trail
    for bar in range(wish.bar + 1, len(rows)):
        row = rows[bar]
        if wish.time_in_force == "DAY" and days[bar] != days[wish.bar + 1]:
            return None
        if trail is not None and stop is not None:
            # The open is the first price of the bar, and moves the stop before the rest does.
            stop = min(stop, row[0] + trail) if buys else max(stop, row[0] - trail)
        if reached(row, stop, buys=buys):
            price, stop = got(row, stop, limit, buys=buys), None
        else:
            price, stop = trailed(row, stop, trail, buys=buys)
        if price is not None:
            return bar, price
        if wish.time_in_force in ("IOC", "FOK"):
            return None
    return None


def reached(row: Row, stop: float | None, *, buys: bool) -> bool:
    """True if nothing, or nothing any more after this bar, keeps an order from its price."""
    return stop is None or (row[1] >= stop if buys else row[2] <= stop)


def got(row: Row, stop: float | None, limit: float | None, *, buys: bool) -> float | None:
    """What an order gets of a bar that triggers it, or on which it needs no trigger."""
    if stop is None or (row[0] >= stop if buys else row[0] <= stop):
        return taken(row, limit, buys=buys)
    if limit is None or (stop <= limit if buys else stop >= limit):
        return stop
    # From the stop the price went to the close, and so to a limit in between.
    return limit if (row[3] <= limit if buys else row[3] >= limit) else None


def trailed(
    row: Row, stop: float | None, trail: float | None, *, buys: bool
) -> tuple[float | None, float | None]:
    """Price and stop of an order that its level so far did not trigger."""
    if trail is None or stop is None:
        return None, stop
    level = row[2] + trail if buys else row[1] - trail
    if row[3] >= level if buys else row[3] <= level:
        return level, None
    return None, min(stop, level) if buys else max(stop, level)


def taken(row: Row, limit: float | None, *, buys: bool) -> float | None:
    """What an order at the market, or at a limit, gets of a bar."""
    opening, high, low, _ = row
    if limit is None:
        return opening
    if buys:
        return min(opening, limit) if low <= limit else None
    return max(opening, limit) if high >= limit else None


@given(walks(), wishes(brackets=False), st.sampled_from(["D", "19:00", "22:00"]))
@settings(max_examples=200)
def test_a_plain_loop_finds_the_same_fill(rows: list[Row], wish: Wish, hour: str) -> None:
    start, step = ("2024-01-01", "D") if hour == "D" else (f"2024-01-01T{hour}", "h")
    bars = make_ohlc(rows, start=start, step="D" if step == "D" else "h")
    days = bars.time.astype("datetime64[D]").astype(int).tolist()
    request = make_request(strategy=wishing([wish]), execution={"max_leverage": 100.0})
    expected = outcome(rows, wish, days) if wish.bar < len(rows) - 1 else None
    filled = [] if expected is None else [(expected[0], "A", wish.quantity, expected[1])]
    assert fills(backtest(request, [bars])) == filled


@given(walks(), st.lists(wishes(), max_size=6), st.sampled_from([None, 0.2]))
@settings(max_examples=150)
def test_mirrored_prices_fill_mirrored_orders(
    rows: list[Row], placed: list[Wish], cap: float | None
) -> None:
    mirrored: list[Row] = [(200 - o, 200 - low, 200 - high, 200 - c) for o, high, low, c in rows]
    execution: dict[str, Any] = {"max_leverage": 100.0, "max_volume_participation": cap}
    up, down = (
        backtest(
            make_request(
                strategy=wishing(placed, mirrored=flipped), execution=execution, initial_capital=1e9
            ),
            [make_ohlc(prices, volume=100.0)],
        )
        for prices, flipped in ((rows, False), (mirrored, True))
    )
    assert fills(up) == [(bar, s, -units, 200 - price) for bar, s, units, price in fills(down)]
    assert list(up.orders.reason) == list(down.orders.reason)
