"""Custom strategies that compute all their targets at once.

By rule their targets are checked, what they are shown is read-only, and shorts that are not allowed
mean flat.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from attrs import frozen
from support.engine_bars import audit, fills, make_bars, make_request

from glowback_trio.engine import backtest
from glowback_trio.errors import InvalidRequestError, StrategyError
from glowback_trio.model.bars import Bars, Floats
from glowback_trio.model.bounds import Ge
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import Panel, TargetStrategy
from glowback_trio.model.strategies.parameters import BuyAndHold


def run(strategy: Any, *bars: Bars, **execution: Any) -> Result:
    given = bars or (make_bars("A", [10.0, 11.0, 12.0, 13.0]),)
    request = make_request([one.symbol for one in given], strategy, execution=execution)
    result = backtest(request, given)
    audit(result, given)
    return result


@frozen
class Rising(TargetStrategy):
    """Be long after a close above the one before, flat after one below."""

    name: ClassVar[str] = "rising"
    title: ClassVar[str] = "Rising"

    size: Annotated[float, Ge(0)] = 0.5
    fault: Literal["", "shape", "infinite", "raise"] = ""

    def targets(self, panel: Panel) -> Floats:
        close = panel.column("close")
        if self.fault == "raise":
            raise LookupError("no such thing")
        if self.fault == "shape":
            return close[1:]
        wanted = np.full_like(close, np.nan)
        wanted[1:] = np.where(np.diff(close, axis=0) > 0, self.size, -self.size)
        return wanted * (np.inf if self.fault == "infinite" else 1.0)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("shape", r"rising gave targets of shape \(3, 1\) for bars of shape \(4, 1\)"),
        ("infinite", "rising gave an infinite target"),
        ("raise", "rising failed: LookupError: no such thing"),
    ],
)
def test_targets_that_cannot_be_used_are_refused(fault: Any, said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        run(Rising(fault=fault))


def test_without_shorts_targets_below_zero_mean_flat_for_one_symbol_and_for_many() -> None:
    closes = [10.0, 11.0, 10.0, 11.0, 9.0, 8.0]
    for count in (1, 9):
        bars = [make_bars(f"S{n}", closes) for n in range(count)]
        result = run(Rising(), *bars, allow_short=False)
        assert {round(q, 9) for _, _, q, _ in fills(result)} - {0.0}
        held = np.cumsum(result.trades.quantity[result.trades.symbol == 0])
        assert (held >= 0.0).all()
        assert "rejected" not in result.orders.event


def test_a_panel_is_read_only_and_knows_its_times() -> None:
    bars = [make_bars("A", [1.0, 2.0]), make_bars("B", [3.0, 4.0])]
    panel = Panel(bars)
    assert panel.symbols == ("A", "B")
    assert panel.time.tolist() == bars[0].time.tolist()
    assert panel.column("close").tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert not panel.column("close").flags.writeable


def test_parameters_are_checked_where_the_value_is_made() -> None:
    with pytest.raises(InvalidRequestError, match="size: Input should be greater than or equal"):
        Rising(size=-1.0)
    with pytest.raises(InvalidRequestError, match="fault: Input should be"):
        Rising(fault="none")  # type: ignore[arg-type] # what a caller without a checker may write


def test_the_manifest_names_the_strategy_and_its_parameters() -> None:
    result = run(Rising(size=0.25))
    assert result.manifest["strategy"] == {
        "strategy_id": "rising",
        "name": "Rising",
        "parameters": {"size": 0.25, "fault": ""},
    }
    assert result.trades.strategy_id == "rising"


def test_a_request_takes_any_strategy_as_a_value() -> None:
    assert make_request(strategy=Rising()).strategy == Rising(size=0.5)
    assert make_request(strategy=BuyAndHold()).strategy != Rising()


@frozen
class Counting(TargetStrategy):
    """Want nothing, and note how many symbols there are to compare."""

    name: ClassVar[str] = "counting"
    title: ClassVar[str] = "Counting"

    seen: list[int]

    def targets(self, panel: Panel) -> Floats:
        self.seen.append(len(panel.symbols))
        return np.full((len(panel.time), len(panel.symbols)), np.nan)


def test_a_panel_has_all_symbols_that_share_their_bars_however_many() -> None:
    closes = np.ones(2_000).tolist()
    bars = [make_bars(f"S{n:03}", closes) for n in range(150)]
    late = make_bars("S0745", closes, keep=range(1, 2_000))  # in the middle of the alphabet
    strategy = Counting([])
    backtest(make_request([one.symbol for one in (*bars, late)], strategy), [*bars, late])
    assert strategy.seen == [150, 1]
