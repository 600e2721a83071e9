"""The trader of event-driven strategies: calls one at the close of every bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.traders.context import BrokerContext
from glowback_trio.engine.traders.trader import Stopped
from glowback_trio.errors import StrategyError
from glowback_trio.interrupt import is_interrupt
from glowback_trio.model.bars import Floats
from glowback_trio.model.instant import in_words
from glowback_trio.model.orders import OrderEventKind, OrderSpec
from glowback_trio.model.result import Curve
from glowback_trio.model.short_repr import shown
from glowback_trio.model.strategies.api import OnBar
from glowback_trio.model.strategies.foreign import said, text_of

__all__ = ["BarTrader", "Starting"]

_LEAST, _MOST = 32, 4096  # rows looked ahead
_NEAR = 1e-6  # of gross exposure: far more than the rounding of a sum of positions


class Starting(Protocol):
    """What begins a run by returning the function to call at every bar: a `BarStrategy`."""

    @property
    def name(self) -> str:
        """Its name."""

    def start(self) -> OnBar:
        """Begin a run."""


class BarTrader:
    """Submits the orders of a bar strategy, bar by bar.

    It has to notice ruin itself: a strategy may have effects of its own, so its calls cannot be
    repeated up to the row of ruin, as those of other traders are.

    Args:
        strategy: Called at the close of every bar.
        timeline: The bars.
        broker: Fills its orders.
        costs: Conditions of a fill.

    Attributes:
        context: What the strategy sees.
    """

    def __init__(
        self, strategy: Starting, timeline: Timeline, broker: Broker, costs: CostModel
    ) -> None:
        self.broker = broker
        self.context = BrokerContext(timeline, broker, costs)
        self._every_row = costs.acts_between_orders
        self._ahead = _LEAST
        self._over = False  # after ruin: the strategy is called no more
        self._name = strategy.name
        self._on_bar = _started(strategy)

    @property
    def account(self) -> Account:
        """The broker's account."""
        return self.broker.account

    @property
    def specs(self) -> Mapping[int, OrderSpec]:
        """By order number, the spec of every order that is not a plain market order."""
        return self.broker.blotter.specs

    def run(self, start: int, stop: int, marks: Floats) -> Stopped:
        """Carry out the rows from `start` to before `stop`; see `Trader`."""
        self.broker.set_marks(marks, max(start - 1, 0))
        if self._over:
            return self._wind_up(start, stop)
        return self._call_strategy(start, stop)

    def liquidate(self, row: int) -> None:
        """Carry out what is due at this row, order every position closed, and then nothing more."""
        self.broker.begin_row(row)
        self._close_positions(row)

    def end(self, row: int) -> None:
        """Cancel every open order: the row was the last."""
        self.broker.blotter.close_all(row, OrderEventKind.DATA_ENDED)

    def take_messages(self) -> list[tuple[int, str]]:
        """Return what the strategy has logged since the last call."""
        messages, self.context.messages = self.context.messages, []
        return messages

    def portfolio(self, _curve: Curve) -> None:
        """Return None: there are no target weights."""

    def _call_strategy(self, start: int, stop: int) -> Stopped:
        broker, context, on_bar, every_row = (
            self.broker,
            self.context,
            self._on_bar,
            self._every_row,
        )
        open_orders, account = broker.blotter.open, broker.account
        cash, safe = account.cash, start
        # `open_orders` is the blotter's own dict, which never changes identity.
        for row in range(start, stop):
            if open_orders or every_row:
                broker.begin_row(row)
                # Every fill and payment makes a new float, so identity shows if there was one.
                if account.cash is not cash:
                    cash, safe, self._ahead = account.cash, row, _LEAST
            context.row = row
            if row >= safe:
                safe, ruined = self._look(row, stop)
                if ruined:
                    self._close_positions(row)
                    return Stopped(row + 1, ruined=True)
            try:
                on_bar(context)
            except BaseException as error:
                if is_interrupt(error):
                    raise
                # In no variable: the traceback holds this frame, which would hold its own error.
                return Stopped(row + 1, failure=self._failure(context, error))
        return Stopped(stop)

    def _failure(self, context: BrokerContext, error: BaseException) -> StrategyError:
        """Return the error of a strategy that has raised one."""
        what = f"{self._name} failed at the bar of {in_words(context.time)}: {_said(error)}"
        failure = StrategyError(what)
        failure.__cause__ = error
        return failure

    def _look(self, row: int, stop: int) -> tuple[int, bool]:
        """Return the row up to which the account is safe as things stand, and True if it is lost.

        Looking some rows ahead at once, the further the longer nothing happens, costs much less
        than looking at every row.

        Args:
            row: The row.
            stop: One past the last row.
        """
        account = self.broker.account
        if account.cash > 0.0 and min(account.held) >= 0.0:
            # Without debt or short positions no price above zero can make equity negative.
            return stop, False
        return self._look_closely(row, stop, account)

    @quiet
    def _look_closely(self, row: int, stop: int, account: Account) -> tuple[int, bool]:
        equity, gross = self.broker.value(row)
        closes = self.broker.marks(row + 1, min(row + 1 + self._ahead, stop))
        self._ahead = min(self._ahead * 2, _MOST)
        # A row where equity is near zero is doubtful, and is looked at exactly when it comes.
        doubtful = closes @ account.units <= _NEAR * gross - account.cash
        first = int(doubtful.argmax()) if len(doubtful) else 0
        safe = first if len(doubtful) and doubtful[first] else len(closes)
        return row + 1 + safe, equity <= 0.0

    def _close_positions(self, row: int) -> None:
        self.broker.liquidate(row)
        self._over = True

    def _wind_up(self, start: int, stop: int) -> Stopped:
        for row in range(start, stop):
            self.broker.begin_row(row)
        return Stopped(stop)


def _started(strategy: Starting) -> OnBar:
    try:
        on_bar = strategy.start()
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise StrategyError(f"{strategy.name} failed to start: {_said(error)}") from error
    if not callable(on_bar):
        raise StrategyError(
            f"{strategy.name}: `start` should return a function to call at every bar, "
            f"not {shown(on_bar)}"
        )
    return on_bar


def _said(error: BaseException) -> str:
    return text_of(error) if isinstance(error, StrategyError) else said(error)
