"""Generate prices for any symbol: a reflected geometric Brownian motion.

A symbol has one fixed path from 1900 to 2200, and a range of it is computed without the bars before
it. A coarse walk gives the price at every 256th trading day. The days between two of these are a
Brownian bridge drawn from a seed of the block. In the same way the intraday bars of a day are a
bridge from its open to its close, drawn from a seed of the day and folded into the day's range, so
that a minute never leaves its day's low and high. Bars of different intraday resolutions agree on
each day's open and close only.

The logarithm of the price is folded, like light between two mirrors, into a band of e^-2 to e^2
times the symbol's base price, because an unbounded walk over three centuries would leave any
plausible price range.

The same bytes on every machine: the only source of randomness is the raw stream of PCG64, which
numpy keeps stable (the distributions of `np.random.Generator` may change between versions). A step
is the sum of four 16-bit uniforms (Irwin-Hall): close to normal, bounded, and exact in float64.
Only `exp` and `log` may differ in their last bit, and rounding to four decimals removes that.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

import numpy as np
from attrs import frozen
from numpy.random import PCG64
from numpy.typing import NDArray

from glowback_trio.data.calendars.calendar import Timestamp, calendar_of
from glowback_trio.model.bars import Bars, Floats
from glowback_trio.model.request import Resolution

Words = NDArray[np.uint64]

__all__ = ["GENERATOR", "sample_bars"]

#: The generator of these prices, by a name that changes when they do.
GENERATOR = b"sample 1"

_BLOCK = 256  # trading days between two points of the coarse walk
_BLOCKS = 512  # covers 1900 to 2200 on either calendar
_BAND = 2.0  # the most that the log price deviates from the base price
_DECIMALS = 4


def sample_bars(
    symbol: str, resolution: Resolution, start: Timestamp, end: Timestamp, warmup: int = 0
) -> Bars:
    """Generate a symbol's bars from `start` to `end`, both included.

    Args:
        symbol: Any symbol; each has its own path, base price, volatility and volume.
        resolution: The length of a bar.
        start: datetime64, UTC, from 1900.
        end: datetime64, UTC, to 2200.
        warmup: How many bars before `start` to generate too; there are fewer near 1900.

    Returns:
        Bars on the symbol's calendar (see `data.calendars`): positive prices rounded to four
        decimals, low <= open, close <= high, whole volumes of at least 1. Empty if the range has no
        bar. A bar does not depend on the range that was requested.
    """
    calendar = calendar_of(symbol)
    days = calendar.days(start, end)
    before = -(-warmup // len(calendar.session(resolution)))
    days = range(max(0, days.start - before), days.stop)
    columns = _daily(symbol, days) if resolution == "day" else _intraday(symbol, resolution, days)
    time = calendar.stamps(resolution, days).ravel()
    first = max(0, int(time.searchsorted(start)) - warmup)
    inside = slice(first, int(time.searchsorted(end, "right")))
    return Bars(symbol, time[inside], *(column[inside] for column in columns))


@frozen
class _Character:
    """The parameters of one symbol's path, derived from its name."""

    base: float  # log of the base price
    volatility: float  # standard deviation of a day's log return
    volume: float  # units traded on a median day

    @classmethod
    def of(cls, symbol: str) -> _Character:
        price, spread, volume, _ = _uniforms(_draw(symbol, "character", 0, 1))[:, 0]
        always_open = calendar_of(symbol).is_always_open
        per_year = 0.5 + 0.4 * spread if always_open else 0.15 + 0.3 * spread
        return cls(
            base=math.log(20.0) * (1.0 + price),  # 20 to 400
            volatility=per_year / math.sqrt(365.0 if always_open else 252.0),
            volume=1e5 * 1e3**volume,
        )


def _draw(symbol: str, stream: str, block: int, size: int) -> Words:
    """Draw `size` raw words from the generator of one block of one stream of a symbol."""
    seed = hashlib.sha256(f"{symbol}|{stream}|{block}".encode()).digest()
    return PCG64(int.from_bytes(seed, "big")).random_raw(size)


def _draws(symbol: str, stream: str, blocks: Iterable[int], size: int) -> Words:
    """Draw two words per bar, (2, len(blocks), size): one for its step, one for its shape."""
    raw = [_draw(symbol, stream, block, 2 * size) for block in blocks]
    return np.array(raw, dtype=np.uint64).reshape(-1, 2, size).swapaxes(0, 1)


def _uniforms(words: Words) -> Floats:
    """Split each word into four numbers in (0, 1): shape (4, *words.shape)."""
    shifts = np.arange(0, 64, 16, dtype=np.uint64).reshape(4, *(1,) * words.ndim)
    return ((words >> shifts & np.uint64(0xFFFF)).astype(np.float64) + 0.5) / 65536.0


def _steps(words: Words) -> Floats:
    """Sum uniforms to numbers of mean 0 and variance 1, words.shape; every partial sum is exact."""
    steps: Floats = (_uniforms(words).sum(axis=0) - 2.0) * math.sqrt(3.0)
    return steps


def _bridge(words: Words, start: Floats, end: Floats, deviation: float) -> Floats:
    """Walk from `start` to `end`, (B,) each, in as many steps as there are words, (B, S)."""
    walk = np.cumsum(_steps(words), axis=1) * deviation
    done = np.arange(1, words.shape[1] + 1) / words.shape[1]
    path: Floats = start[:, None] + walk + (end - start - walk[:, -1])[:, None] * done
    return path


def _fold(path: Floats, low: Floats | float, high: Floats | float) -> Floats:
    """Reflect a path between two mirrors until all of it lies in [low, high]."""
    # A day whose high equals its low has no width, and the modulo would divide by 0.
    width = np.maximum(high - low, 1e-9)
    offset = np.mod(path - low, 2.0 * width)
    return low + np.minimum(offset, 2.0 * width - offset)


def _previous(path: Floats, start: Floats) -> Floats:
    return np.concatenate((start[:, None], path[:, :-1]), axis=1)


def _candles(opens: Floats, closes: Floats, up: Floats, down: Floats) -> tuple[Floats, ...]:
    """Make prices from logarithms; `up` and `down` are the lengths of the wicks."""
    body_high, body_low = np.maximum(opens, closes), np.minimum(opens, closes)
    logs = (opens, body_high + up, body_low - down, closes)
    opened, high, low, closed = (np.exp(log).round(_DECIMALS) for log in logs)
    # `exp` need not be monotone to the last bit, but low <= open <= high must hold.
    high = np.maximum(high, np.maximum(opened, closed))
    low = np.minimum(low, np.minimum(opened, closed))
    return opened, high, low, closed


def _daily(symbol: str, days: range) -> list[Floats]:
    """Compute open, high, low, close and volume of these trading days, (len(days),) each."""
    character = _Character.of(symbol)
    deviation = character.volatility
    first, last = days.start // _BLOCK, -(-days.stop // _BLOCK)
    # All 512 levels, because each is a sum from the first block on; it takes microseconds.
    levels = np.cumsum(_steps(_draw(symbol, "blocks", 0, _BLOCKS))) * deviation * math.sqrt(_BLOCK)
    starts, ends = levels[first:last], levels[first + 1 : last + 1]
    step, shape = _draws(symbol, "day", range(first, last), _BLOCK)
    path = _bridge(step, starts, ends, deviation)
    gap, up, down, activity = _uniforms(shape)
    closes = character.base + _fold(path, -_BAND, _BAND)
    before = character.base + _fold(_previous(path, starts), -_BAND, _BAND)
    opens = before + (gap - 0.5) * deviation
    prices = _candles(opens, closes, (0.1 + up) * deviation, (0.1 + down) * deviation)
    volume = np.rint(character.volume * np.exp(activity - 0.5))
    requested = slice(days.start - first * _BLOCK, days.stop - first * _BLOCK)
    return [column.ravel()[requested] for column in (*prices, volume)]


def _intraday(symbol: str, resolution: Resolution, days: range) -> list[Floats]:
    """Compute the columns of these days' intraday bars, (len(days) * bars per day,) each."""
    *daily, day_volume = _daily(symbol, days)
    opened, highest, lowest, closed = (np.log(column) for column in daily)
    size = len(calendar_of(symbol).session(resolution))
    deviation = _Character.of(symbol).volatility / math.sqrt(size)
    step, shape = _draws(symbol, resolution, days, size)
    floor, ceiling = lowest[:, None], highest[:, None]
    closes = _fold(_bridge(step, opened, closed, deviation), floor, ceiling)
    opens = _previous(closes, opened)
    _, up, down, activity = _uniforms(shape)
    prices = _candles(
        opens,
        closes,
        np.minimum(up * deviation, ceiling - np.maximum(opens, closes)),
        np.minimum(down * deviation, np.minimum(opens, closes) - floor),
    )
    volume = np.maximum(1.0, np.rint(day_volume[:, None] / size * (0.5 + activity)))
    return [column.ravel() for column in (*prices, volume)]
