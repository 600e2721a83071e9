"""Strategies that look ahead, each in its own way, and honest ones that look alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from attrs import frozen
from numpy.lib.stride_tricks import sliding_window_view

from glowback_trio import BarStrategy, Context, OnBar, Panel, TargetStrategy
from glowback_trio.model.bars import Floats

__all__ = ["HONEST", "LEAKS"]

LEAKS: list[Any] = []
HONEST: list[Any] = []


def close_of(panel: Panel) -> Floats:
    return panel.column("close")


def held_where(above: Any) -> Floats:
    """In the market where a condition holds, said at every bar."""
    return np.where(above, 0.9, 0.0)


def on_change(above: Any) -> Floats:
    """The same, said only where the condition changes."""
    wanted = held_where(above)
    same = np.zeros(wanted.shape, bool)
    same[1:] = wanted[1:] == wanted[:-1]
    return np.where(same, np.nan, wanted)


def trailing_mean(values: Floats, window: int) -> Floats:
    mean = np.full(values.shape, np.nan)
    if len(values) >= window:
        mean[window - 1 :] = sliding_window_view(values, window, axis=0).mean(axis=-1)
    return mean


def returns(values: Floats) -> Floats:
    change = np.zeros(values.shape)
    change[1:] = values[1:] / values[:-1] - 1.0
    return change


def earlier(values: Floats, bars: int) -> Floats:
    """Values moved by some bars: a negative number looks ahead."""
    moved = np.full(values.shape, np.nan)
    if bars >= 0:
        moved[bars:] = values[: len(values) - bars]
    else:
        moved[:bars] = values[-bars:]
    return moved


def array_strategy(kind: str, function: Any, into: list[Any]) -> None:
    """Make a strategy of arrays out of a function of a panel."""

    @frozen
    class Made(TargetStrategy):
        name: ClassVar[str] = kind
        title: ClassVar[str] = kind.replace("_", " ")

        def targets(self, panel: Panel) -> Floats:
            return function(panel)  # type: ignore[no-any-return] # made below

    into.append(Made())


def leak(function: Any) -> Any:
    array_strategy(function.__name__, function, LEAKS)
    return function


def honest(function: Any) -> Any:
    array_strategy(function.__name__, function, HONEST)
    return function


def called(into: list[Any]) -> Callable[[Callable[[], OnBar]], Callable[[], OnBar]]:
    """Make a strategy that is called at every bar out of a function that begins one."""

    def made(function: Callable[[], OnBar]) -> Callable[[], OnBar]:
        @frozen
        class Made(BarStrategy):
            name: ClassVar[str] = function.__name__
            title: ClassVar[str] = function.__name__.replace("_", " ")

            def start(self) -> OnBar:
                return function()

        into.append(Made())
        return function

    return made


# Arrays that look ahead.


@leak
def future_max(panel: Panel) -> Floats:
    close = close_of(panel)
    ahead = np.maximum.accumulate(close[::-1])[::-1]
    return held_where(ahead > close * 1.05)


@leak
def centred_mean(panel: Panel) -> Floats:
    close = close_of(panel)
    middle = earlier(trailing_mean(close, 21), -10)
    return on_change(close < middle)


@leak
def full_sample_score(panel: Panel) -> Floats:
    close = close_of(panel)
    return on_change((close - close.mean(axis=0)) / close.std(axis=0) < -0.3)


@leak
def shifted_the_wrong_way(panel: Panel) -> Floats:
    return on_change(earlier(returns(close_of(panel)), -1) > 0)


@leak
def peeking_by_index(panel: Panel) -> Floats:
    close = close_of(panel)
    later = close[np.minimum(np.arange(len(close)) + 5, len(close) - 1)]
    return on_change(later > close)


@leak
def peeking_at_one_bar(panel: Panel) -> Floats:
    close = close_of(panel)
    return on_change(close < close[min(700, len(close) - 1)])


@leak
def regression_on_all(panel: Panel) -> Floats:
    change = returns(close_of(panel))
    past, now = change[:-1].ravel(), change[1:].ravel()
    slope = np.polyfit(past, now, 1)
    return held_where(np.polyval(slope, change) > 0)


@leak
def trend_line_on_all(panel: Panel) -> Floats:
    close, days = close_of(panel), np.arange(len(panel.time))
    lines = [np.polyval(np.polyfit(days, column, 1), days) for column in close.T]
    return on_change(close < np.stack(lines, axis=1))


@leak
def min_max_scaled(panel: Panel) -> Floats:
    close = close_of(panel)
    return held_where((close - close.min(axis=0)) / np.ptp(close, axis=0) < 0.5)


@leak
def rank_in_the_sample(panel: Panel) -> Floats:
    close = close_of(panel)
    rank = close.argsort(axis=0).argsort(axis=0) / len(close)
    return on_change(rank < 0.4)


@leak
def quantile_of_all_volume(panel: Panel) -> Floats:
    volume = panel.column("volume")
    return on_change(volume > np.quantile(volume, 0.7, axis=0))


@leak
def filled_backwards(panel: Panel) -> Floats:
    close = close_of(panel)
    mean = trailing_mean(close, 50)
    mean[:49] = mean[min(49, len(mean) - 1)]
    return on_change(close > mean)


@leak
def smoothed_both_ways(panel: Panel) -> Floats:
    smooth = close_of(panel).copy()
    for rows in (range(1, len(smooth)), range(len(smooth) - 2, -1, -1)):
        step = 1 if rows.step > 0 else -1
        for row in rows:
            smooth[row] += 0.8 * (smooth[row - step] - smooth[row])
    return on_change(close_of(panel) < smooth)


@leak
def fourier_cleaned(panel: Panel) -> Floats:
    close = close_of(panel)
    waves = np.fft.rfft(close, axis=0)
    waves[20:] = 0.0
    return on_change(close < np.fft.irfft(waves, len(close), axis=0))


@leak
def local_lows(panel: Panel) -> Floats:
    close = close_of(panel)
    low = (close < earlier(close, 1)) & (close < earlier(close, -1))
    high = (close > earlier(close, 1)) & (close > earlier(close, -1))
    return np.where(low, 0.9, np.where(high, 0.0, np.nan))


@leak
def central_gradient(panel: Panel) -> Floats:
    return on_change(np.gradient(close_of(panel), axis=0) > 0)


@leak
def last_close_of_the_month(panel: Panel) -> Floats:
    close, month = close_of(panel), panel.date.astype("M8[M]")
    last = np.searchsorted(month, month, side="right") - 1
    return on_change(close[last] > close)


@leak
def winners_of_the_whole_range(panel: Panel) -> Floats:
    close = close_of(panel)
    won = close[-1] / close[0] >= np.median(close[-1] / close[0])
    wanted = np.full(close.shape, np.nan)
    wanted[0] = np.where(won, 0.9, 0.0)
    return wanted


@leak
def out_on_the_last_bar(panel: Panel) -> Floats:
    wanted = on_change(close_of(panel) > trailing_mean(close_of(panel), 20))
    wanted[-1] = 0.0
    return wanted


@leak
def next_open(panel: Panel) -> Floats:
    return on_change(earlier(panel.column("open"), -1) > close_of(panel))


@leak
def future_volatility(panel: Panel) -> Floats:
    size = trailing_mean(returns(close_of(panel)) ** 2, 20)
    return on_change(earlier(size, -20) < np.nanmean(size[:40]))


@leak
def volume_of_the_next_bar(panel: Panel) -> Floats:
    volume = panel.column("volume")
    return on_change(earlier(volume, -1) > volume * 1.2)


@leak
def interpolated_months(panel: Panel) -> Floats:
    close, days = close_of(panel), np.arange(len(panel.time))
    known = days[::21]
    lines = [np.interp(days, known, column[::21]) for column in close.T]
    return on_change(close < np.stack(lines, axis=1))


@leak
def first_component_of_all(panel: Panel) -> Floats:
    change = np.column_stack([returns(close_of(panel)), returns(1.0 + panel.column("volume"))])
    _, _, axes = np.linalg.svd(change - change.mean(axis=0), full_matrices=False)
    score = (change - change.mean(axis=0)) @ axes[0]
    return on_change(np.repeat(score[:, np.newaxis] > 0, len(panel.symbols), axis=1))


@leak
def rare_and_one_bar_early(panel: Panel) -> Floats:
    close = close_of(panel)
    mean = trailing_mean(close, 100)
    return earlier(on_change(close > mean), -1)


@leak
def more_bars_more_risk(panel: Panel) -> Floats:
    wanted = on_change(close_of(panel) > trailing_mean(close_of(panel), 30))
    return np.minimum(wanted, len(panel.time) / 5000)


# Called at every bar, and looking ahead all the same.


@called(LEAKS)
def behind_the_view() -> OnBar:
    def on_bar(context: Context) -> None:
        for symbol in context.active:
            whole = np.asarray(context.history(symbol, 1).base)
            seen = context.count(symbol)
            if seen < len(whole):
                context.target(symbol, 0.9 if whole[seen] > whole[seen - 1] else 0.0)

    return on_bar


@called(LEAKS)
def through_private_parts() -> OnBar:
    def on_bar(context: Any) -> None:
        bars = context._timeline.bars[0]
        later = bars.close[min(context.row + 3, len(bars) - 1)]
        if later > bars.close[context.row] * 1.02 and not context.position(bars.symbol):
            context.order(bars.symbol, 10)
        elif later < bars.close[context.row] and context.position(bars.symbol):
            context.target(bars.symbol, 0.0)

    return on_bar


@called(LEAKS)
def fitted_at_the_first_bar() -> OnBar:
    mean: dict[str, float] = {}

    def on_bar(context: Context) -> None:
        for symbol in context.active:
            if symbol not in mean:
                mean[symbol] = float(np.asarray(context.history(symbol, 1).base).mean())
            context.target(symbol, 0.9 if context.close(symbol) < mean[symbol] else 0.0)

    return on_bar


@called(LEAKS)
def limits_at_the_next_low() -> OnBar:
    def on_bar(context: Context) -> None:
        symbol = context.symbols[0]
        low = np.asarray(context.history(symbol, 1, "low").base)
        seen = context.count(symbol)
        for order in context.open_orders(symbol):
            context.cancel(order)
        if seen < len(low):
            context.order(symbol, 5, limit=float(low[seen]), time_in_force="DAY")

    return on_bar


# Honest ones.


@honest
def trend(panel: Panel) -> Floats:
    close = close_of(panel)
    return on_change(close > trailing_mean(close, 50))


@honest
def volatility_target(panel: Panel) -> Floats:
    close = close_of(panel)
    size = np.sqrt(trailing_mean(returns(close) ** 2, 20) * 252)
    wanted = np.minimum(0.9, 0.1 / np.where(size > 0, size, np.nan))
    wanted[np.arange(len(close)) % 5 != 0] = np.nan
    return wanted


@honest
def score_of_the_past(panel: Panel) -> Floats:
    close = close_of(panel)
    count = np.arange(1, len(close) + 1)[:, np.newaxis]
    mean = np.cumsum(close, axis=0) / count
    spread = np.sqrt(np.maximum(np.cumsum(close**2, axis=0) / count - mean**2, 1e-12))
    return on_change((close - mean) / spread < -0.3)


@honest
def best_of_the_symbols(panel: Panel) -> Floats:
    close = close_of(panel)
    rise = close / earlier(close, 60)
    best = rise == np.nanmax(np.where(np.isnan(rise), -np.inf, rise), axis=1, keepdims=True)
    wanted = np.where(np.isnan(rise), np.nan, np.where(best, 0.9, 0.0))
    wanted[np.arange(len(close)) % 21 != 0] = np.nan
    return wanted


@honest
def regression_of_the_past(panel: Panel) -> Floats:
    change = returns(close_of(panel))
    wanted = np.full(change.shape, np.nan)
    for row in range(100, len(change), 50):
        past, now = change[1 : row - 1].ravel(), change[2:row].ravel()
        wanted[row] = 0.9 * (np.polyval(np.polyfit(past, now, 1), change[row]) > 0)
    return wanted


@honest
def exponential_smoothing(panel: Panel) -> Floats:
    close = close_of(panel)
    smooth = close.copy()
    for row in range(1, len(smooth)):
        smooth[row] = 0.9 * smooth[row - 1] + 0.1 * close[row]
    return on_change(close > smooth)


@honest
def first_days_of_the_month(panel: Panel) -> Floats:
    early = (panel.date - panel.date.astype("M8[M]")).astype(int) < 10
    return on_change(np.repeat(early[:, np.newaxis], len(panel.symbols), axis=1))


@honest
def needs_a_hundred_bars(panel: Panel) -> Floats:
    close = close_of(panel)
    wanted = np.full(close.shape, np.nan)
    window = sliding_window_view(close, 100, axis=0)  # raises on fewer
    wanted[99:] = np.where(close[99:] >= window.max(axis=-1), 0.9, np.nan)
    wanted[99:][close[99:] <= window.min(axis=-1)] = 0.0
    return wanted


@called(HONEST)
def breakout_with_exits() -> OnBar:
    def on_bar(context: Context) -> None:
        for symbol in context.active:
            if (
                context.count(symbol) < 21
                or context.position(symbol)
                or context.open_orders(symbol)
            ):
                continue
            past = context.history(symbol, 21)
            if past[-1] >= past.max():
                units = context.equity / 20 / past[-1]
                context.order(symbol, units, stop_loss=past[-1] * 0.95, take_profit=past[-1] * 1.1)

    return on_bar


@called(HONEST)
def limit_ladder() -> OnBar:
    last: dict[str, int] = {}

    def on_bar(context: Context) -> None:
        for symbol in context.active:
            close = context.close(symbol)
            if symbol in last and last[symbol] in context.open_orders(symbol):
                context.cancel(last[symbol])
            if context.position(symbol) * close > context.cash / 3:
                context.target(symbol, 0.0)
            else:
                last[symbol] = context.order(symbol, 3.0, limit=close * 0.99)

    return on_bar


@called(HONEST)
def first_context_kept() -> OnBar:
    kept: list[Context] = []

    def on_bar(context: Context) -> None:
        kept.append(context)
        first = kept[0]
        for symbol in first.symbols:
            if first.count(symbol) >= 30:
                past = first.history(symbol, 30)
                first.target(symbol, 0.5 if past[-1] > past.mean() else -0.5)

    return on_bar
