"""A trader that asks an event-driven strategy at the close of every bar."""

from __future__ import annotations

from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.traders.context import BrokerContext
from glowback_trio.errors import StrategyError
from glowback_trio.model.bars import Floats
from glowback_trio.model.strategies.api import BarStrategy, OnBar

__all__ = ["BarTrader"]

_LEAST, _MOST = 32, 4096  # rows that are looked at ahead
_NEAR = 1e-6  # of what is held: far more than a sum of it is rounded by


class BarTrader:
    """Gives a broker the orders of a strategy that is asked bar by bar.

    Args:
        strategy: It.
        timeline: The bars.
        broker: Carries its orders out.
        costs: Conditions of a fill.

    Attributes:
        context: What the strategy sees.
        ruined: Whether equity was seen at or below zero: the strategy is asked no more.
        failure: How the strategy failed, at the last row.
    """

    def __init__(
        self, strategy: BarStrategy, timeline: Timeline, broker: Broker, costs: CostModel
    ) -> None:
        self.broker = broker
        self.context = BrokerContext(timeline, broker, costs)
        self.ruined = False
        self.failure: StrategyError | None = None
        self._has_financing = costs.has_financing
        self._ahead = _LEAST
        self._name = strategy.name
        self._on_bar = _started(strategy)

    def run(self, start: int, stop: int, marks: Floats) -> int:
        """Carry out the rows from `start` to before `stop`; see `Trader`."""
        self.broker.see(marks, max(start - 1, 0))
        if self.ruined:
            return self._wind_up(start, stop)
        return self._ask(start, stop, marks)

    def take_told(self) -> list[tuple[int, str]]:
        """What the strategy has logged since this was last asked."""
        told, self.context.told = self.context.told, []
        return told

    def _ask(self, start: int, stop: int, marks: Floats) -> int:
        first = max(start - 1, 0)
        broker, context, on_bar, has_financing = (
            self.broker,
            self.context,
            self._on_bar,
            self._has_financing,
        )
        open_orders, account = broker.blotter.open, broker.account
        cash, safe = account.cash, start
        for row in range(start, stop):
            if open_orders or has_financing:
                broker.begin(row)
                if account.cash is not cash:  # every fill and charge makes it anew
                    cash, safe, self._ahead = account.cash, row, _LEAST
            context.row = row
            if row >= safe:
                safe = self._look(row, stop, marks[row - first :])
                if self.ruined:
                    broker.liquidate(row)
                    return row + 1
            try:
                on_bar(context)
            except Exception as error:  # noqa: BLE001 - whatever it does wrong ends its own run
                what = f"{self._name} failed at the bar of {context.time}: {_said(error)}"
                self.failure = StrategyError(what)
                self.failure.__cause__ = error
                return row + 1
        return stop

    def _look(self, row: int, stop: int, marks: Floats) -> int:
        """See whether the account is lost; if not, the row up to which it is not as things stand.

        Looking ahead some rows at once, the further the longer nothing happens, costs much less
        than looking at every row.

        Args:
            row: The row at hand.
            stop: One past the last row.
            marks: Last closes, (rows, N), from the row at hand on.
        """
        account = self.broker.account
        if account.cash > 0.0 and min(account.units.tolist()) >= 0.0:
            return stop
        equity, gross = self.broker.value(row)
        self.ruined = equity <= 0.0
        closes = marks[1 : 1 + self._ahead]
        self._ahead = min(self._ahead * 2, _MOST)
        doubtful = closes @ account.units <= _NEAR * gross - account.cash
        first = int(doubtful.argmax()) if len(doubtful) else 0
        return row + 1 + (first if len(doubtful) and doubtful[first] else len(closes))

    def _wind_up(self, start: int, stop: int) -> int:
        for row in range(start, stop):
            self.broker.begin(row)
        return stop


def _started(strategy: BarStrategy) -> OnBar:
    try:
        on_bar = strategy.start()
    except Exception as error:
        raise StrategyError(f"{strategy.name} failed to start: {_said(error)}") from error
    if not callable(on_bar):
        raise StrategyError(
            f"{strategy.name} should start with a function to call at every bar, not {on_bar!r}"
        )
    return on_bar


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, StrategyError) else f"{type(error).__name__}: {error}"
