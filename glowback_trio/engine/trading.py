"""A trader that asks an event-driven strategy at the close of every bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glowback_trio.engine.context import BrokerContext
from glowback_trio.errors import StrategyError

if TYPE_CHECKING:
    from glowback_trio.engine.broker import Broker
    from glowback_trio.engine.execution import Terms
    from glowback_trio.engine.timeline import Timeline
    from glowback_trio.model.bars import Floats
    from glowback_trio.model.custom import BarStrategy, OnBar

__all__ = ["BarTrader"]


class BarTrader:
    """Gives a broker the orders of a strategy that is asked bar by bar.

    Args:
        strategy: It.
        timeline: The bars.
        broker: Carries its orders out.
        terms: Conditions of a fill.

    Attributes:
        context: What the strategy sees.
        ruined: Whether equity was seen at or below zero: the strategy is asked no more.
    """

    def __init__(
        self, strategy: BarStrategy, timeline: Timeline, broker: Broker, terms: Terms
    ) -> None:
        self.broker = broker
        self.context = BrokerContext(timeline, broker, terms)
        self.ruined: bool | None = False
        self._charges = terms.charges
        self._safe = True  # equity cannot fall to zero: nothing is owed, in cash or in units
        self._name = strategy.name
        self._on_bar = _started(strategy)

    def run(self, start: int, stop: int, marks: Floats) -> int:
        """Carry out the rows from `start` to before `stop`; see `Trader`.

        Raises:
            StrategyError: The strategy failed.
        """
        self.broker.see(marks, max(start - 1, 0))
        if self.ruined:
            return self._wind_up(start, stop)
        return self._ask(start, stop)

    def ruin(self, row: int) -> None:
        """Never asked: it sees ruin by itself."""
        raise NotImplementedError

    def take_told(self) -> list[tuple[int, str]]:
        """What the strategy has logged since this was last asked."""
        told, self.context.told = self.context.told, []
        return told

    def _ask(self, start: int, stop: int) -> int:
        broker, context, on_bar, charges = self.broker, self.context, self._on_bar, self._charges
        open_orders, account = broker.blotter.open, broker.account
        for row in range(start, stop):
            if open_orders or charges:
                broker.begin(row)
                self._safe = account.cash > 0.0 and bool(np.min(account.units) >= 0.0)
            context.row = row
            if not self._safe and broker.value(row)[0] <= 0.0:
                self.ruined = True
                broker.liquidate(row)
                return row + 1
            try:
                on_bar(context)
            except Exception as error:
                what = f"{self._name} failed at the bar of {context.time}"
                raise StrategyError(f"{what}: {_said(error)}") from error
        return stop

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
