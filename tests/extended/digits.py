"""Print a digest of results and of statistics of trials, to compare versions and processors.

All digits are in it. Prices come from a linear congruential generator, so that nothing of them is
numpy's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from glowback_trio.engine import backtest
from glowback_trio.engine.analytics.honesty.evidence import weigh
from glowback_trio.engine.analytics.honesty.sketch import sketches_of
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.model.bars import Bars
from glowback_trio.model.request import BacktestRequest, Execution
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
)
from glowback_trio.wire.json_text import dumps

_BARS = 1_500
_SYMBOLS = ("A", "B", "C", "M")
_STRATEGIES = (BuyAndHold(), MaCrossover(), MeanReversion(), Momentum(), Rsi())


def _closes(seed: int) -> Iterator[float]:
    close = 100.0
    for _ in range(_BARS):
        seed = (1_664_525 * seed + 1_013_904_223) % 2**32
        close *= 1.0 + (seed / 2**32 - 0.4985) * 0.05
        yield round(close, 4)


def _bars(symbol: str) -> Bars:
    time = np.datetime64("2015-01-01", "ns") + np.arange(_BARS) * np.timedelta64(1, "D")
    close = np.array(list(_closes(ord(symbol))))
    opened = np.append(close[:1], close[:-1])
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return Bars(symbol, time, opened, high, low, close, np.full(_BARS, 1e6))


def _evidence() -> bytes:
    """Return the evidence on the best of some series, as if each were a trial."""
    close = np.array([list(_closes(seed)) for seed in range(40)])
    sketches = dict(enumerate(sketches_of((close[:, 1:] / close[:, :-1] - 1.0).T)))
    return repr(weigh(sketches, 7, trials=40, failed=0, seed=1)).encode()


def main() -> None:
    """Print the digest."""
    content = hashlib.sha256()
    bars = [_bars(symbol) for symbol in _SYMBOLS]
    for strategy in _STRATEGIES:
        request = BacktestRequest(
            symbols=_SYMBOLS[:3],
            start_date=datetime(2015, 1, 1, tzinfo=UTC),
            end_date=datetime(2030, 1, 1, tzinfo=UTC),
            strategy=strategy,
            benchmark_symbol=_SYMBOLS[3],
            risk_free_rate=0.02,
            execution=Execution(commission_bps=1.0, slippage_bps=2.0, borrow_rate=0.03),
        )
        content.update(dumps(result_document(backtest(request, bars), "run")))
    content.update(_evidence())
    print(content.hexdigest())


if __name__ == "__main__":
    main()
