"""Sentences about a run, for people: a summary and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from glowback_trio.engine.execution.journal import Records
from glowback_trio.engine.finite import LARGEST
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Bars, Dataset, Times
from glowback_trio.model.instant import in_words
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Curve, Fills
from glowback_trio.model.short_repr import listed

__all__ = [
    "ending_warning",
    "out_of_range",
    "ruin_warning",
    "summary",
    "volume_warnings",
    "warmup_warnings",
    "warnings",
]

_SAMPLE = "Generated prices: use these results for smoke tests, not for research."
_MOST_FINDINGS = 100  # in a log; the manifest has all of them
_MOST_SYMBOLS = 10


def summary(curve: Curve, trades: Fills, order_events: int, currency: str) -> list[str]:
    """Return what was done, one sentence per fact."""
    return [
        "Engine-backed backtest completed",
        f"Processed {len(curve)} equity points",
        f"Executed {len(trades)} trades",
        f"Recorded {order_events} order lifecycle events",
        f"Final portfolio value {curve.value[-1]:.2f} {currency}",
    ]


def warnings(dataset: Dataset) -> list[str]:
    """Return warnings about the data: generated prices, then findings by symbol, alphabetically.

    Above a hundred findings the last sentence counts those that are left out.
    """
    found = [_SAMPLE] if dataset.kind == "sample" else []
    for quality in sorted(dataset.quality, key=lambda one: one.symbol):
        found += [_finding("warning", quality.symbol, text) for text in quality.warnings]
        found += [_finding("critical", quality.symbol, text) for text in quality.critical]
    if left := found[_MOST_FINDINGS:]:
        found[_MOST_FINDINGS:] = [f"{len(left)} more findings about the data are in the manifest"]
    return found


def warmup_warnings(request: BacktestRequest, dataset: Dataset) -> list[str]:
    """Return the warning that some symbols have fewer bars before the range than requested."""
    found = {one.symbol: len(one) for one in dataset.warmup}
    short = [
        f"{symbol} has {found.get(symbol, 0)}"
        for symbol in sorted(request.symbols)
        if found.get(symbol, 0) < request.warmup_bars
    ]
    if not short:
        return []
    when = request.start_date.date().isoformat()
    sentence = (
        f"warmup_bars asks for {request.warmup_bars} bars before {when}, and there are fewer: "
        f"{listed(short, _MOST_SYMBOLS)}; indicators that need more begin later"
    )
    return [sentence]


def _finding(grade: str, symbol: str, text: str) -> str:
    # Some findings begin with the symbol already, as errors of files do.
    return f"Data quality {grade} [{symbol}]: {text.removeprefix(f'{symbol}: ')}"


def out_of_range(time: Times, row: int) -> str:
    """Return why a run ends at a row whose equity or orders are beyond the range of numbers."""
    return (
        f"Equity or the size of an order at {in_words(time[row])} is infinite or beyond "
        f"{LARGEST:g}: check the prices of that time and before, and what the strategy orders"
    )


def volume_warnings(timeline: Timeline, records: Sequence[Records]) -> list[str]:
    """Return warnings of fills on bars with a volume of 0, at most a few sentences.

    Args:
        timeline: The traded bars.
        records: The journal of the run.
    """
    found = list(_fills_without_volume(timeline, records))
    if left := found[_MOST_SYMBOLS:]:
        found[_MOST_SYMBOLS:] = [f"So are fills of {len(left)} more symbols"]
    return found


def _fills_without_volume(timeline: Timeline, records: Sequence[Records]) -> Iterator[str]:
    for symbol, bars in enumerate(timeline.bars):
        empty = bars.volume == 0
        if not empty.any():
            continue
        # Looked at only here, because most bars have a volume.
        parts = [one.filled["row"][one.filled["symbol"] == symbol] for one in records]
        rows = np.concatenate(parts) if parts else np.zeros(0, np.int32)
        # What closes a position whose data have ended fills on a row without a bar, past the last.
        rows = rows[rows <= timeline.rows[symbol][-1]]
        silent = rows[empty[np.searchsorted(timeline.rows[symbol], rows)]]
        if len(silent):
            first = in_words(timeline.time[silent[0]])
            yield (
                f"{bars.symbol}: {len(silent)} of {len(rows)} fills are on bars with a volume of "
                f"0, the first at {first}; nobody may have traded there, and "
                "max_volume_participation keeps orders off such bars"
            )


def ending_warning(bars: Bars, units: float, *, closed: bool) -> str:
    """Return the warning that the data of a held symbol end before the run does.

    Args:
        bars: Of the symbol.
        units: Held after its last bar, signed.
        closed: True if they are closed, False if they stay.
    """
    what = (
        "the position is closed at that close at the next time of the run"
        if closed
        else "they keep this value and cannot be traded any more. With execution.on_data_end "
        "'close' the position would be closed"
    )
    return (
        f"The data of {bars.symbol} end at {in_words(bars.time[-1])}, before the run does, while "
        f"{units:.10g} units are held, at a last close of {bars.close[-1]:.10g}: {what}"
    )


def ruin_warning(curve: Curve, row: int) -> str:
    """Return the warning that the account is lost, as of the close of a row."""
    when = in_words(curve.time[row])
    return (
        f"Equity fell to {curve.value[row]:.2f} at {when}: all positions are closed at "
        "the next open and no further orders are made"
    )
