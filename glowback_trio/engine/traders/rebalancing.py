"""The trader of target weights: returns a portfolio to them, and skips the rows in between."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.tolerance import EQUAL, is_held_already, is_worthless
from glowback_trio.engine.traders.agenda import Agenda
from glowback_trio.engine.traders.plan import Plan
from glowback_trio.engine.traders.portfolio_record import PortfolioRecord
from glowback_trio.engine.traders.trader import Stopped
from glowback_trio.engine.traders.watch import Watch
from glowback_trio.engine.traders.weights import Selection, WeightOrders
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderEventKind, OrderSpec
from glowback_trio.model.portfolio import NONE, Portfolio, RebalanceReason
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.result import Curve
from glowback_trio.wire.percent import as_fraction, as_percent

__all__ = ["RebalancingTrader", "stop_sentence"]


class RebalancingTrader:
    """Returns a portfolio to its weights when its plan says so.

    At each close the first reason that applies counts: a drawdown that has reached its limit, the
    first bar of a symbol, the schedule, a drift that has reached its threshold. Positions do not
    change in between, so the rows up to the next that may matter are looked at together.

    A drawdown stop sells everything, over several closes if the turnover cap requires it, and over
    several bars if volume or missing bars do. The next scheduled rebalance after the bar of the
    last of these fills ends it. The peak is measured anew from there: measured from the old one,
    the next close would stop the portfolio again.

    Only a stop cancels orders that `latency_ms` still keeps from their bars: if every return did,
    a latency longer than the time between two of them would let none of them ever fill.

    Args:
        plan: The targets, and when to return to them.
        timeline: The bars.
        broker: Fills the orders.
        costs: Conditions of a fill.
        journal: Receives what happens to orders.
        shortcuts: False lets the broker fill every order, which changes nothing but the time it
            takes.
    """

    def __init__(
        self,
        plan: Plan,
        timeline: Timeline,
        broker: Broker,
        costs: CostModel,
        journal: EventJournal,
        *,
        shortcuts: bool = True,
    ) -> None:
        self.broker = broker
        self._plan = plan
        self._every_row = costs.acts_between_orders
        most = plan.construction.max_turnover_pct
        self._turnover = None if most is None else as_fraction(most)
        self._orders = WeightOrders(
            plan.symbol, timeline, broker, costs, journal, shortcuts=shortcuts
        )
        self._watch = Watch(plan, broker)
        self._agenda = Agenda(plan, timeline.time, costs.latency)
        self._record = PortfolioRecord(plan, len(timeline))
        self._messages: list[tuple[int, str]] = []
        self._over = False  # after ruin, nothing is ordered any more

    @property
    def account(self) -> Account:
        """The broker's account."""
        return self.broker.account

    @property
    def specs(self) -> Mapping[int, OrderSpec]:
        """By order number, the spec of every order that is not a plain market order."""
        return self.broker.blotter.specs

    @quiet
    def run(self, start: int, stop: int, marks: Floats) -> Stopped:
        """Carry out the rows from `start` to before `stop`; see `Trader`."""
        self.broker.set_marks(marks, max(start - 1, 0))
        self._orders.begin(stop)
        held, row = [], start
        while row < stop:
            held.append((row, self._begun(row)))
            row = self._carry_on(row, stop)
        self._orders.write()
        if held:
            self._record.hold(held, stop, self.broker.marks(start, stop))
        return Stopped(stop)

    def liquidate(self, row: int) -> None:
        """Carry out what is due at this row, order every position closed, and then nothing more."""
        self._record.hold([(row, self._begun(row))], row + 1, self.broker.marks(row, row + 1))
        self.broker.liquidate(row)
        self._over = True

    def end(self, row: int) -> None:
        """Cancel every open order: the row was the last."""
        self.broker.blotter.close_all(row, OrderEventKind.DATA_ENDED)

    def take_messages(self) -> list[tuple[int, str]]:
        """Return when a stop sold everything, and when it ended, since the last call."""
        messages, self._messages = self._messages, []
        return messages

    def portfolio(self, curve: Curve) -> Portfolio:
        """Return how the target weights were held, given the finished curve."""
        return self._record.portfolio(curve)

    def _begun(self, row: int) -> Floats:
        """Begin a row; return the units of the plan's symbols that are then held."""
        self.broker.begin_row(row)
        units = self.broker.account.units[self._plan.symbol]
        if self._agenda.out and self._is_flat(row, units):
            self._agenda.flat(row)
        return units

    def _is_flat(self, row: int, units: Floats) -> bool:
        close = self.broker.marks(row, row + 1)[0][self._plan.symbol]
        return bool(np.all(is_worthless(units, close, self.broker.value(row)[0])))

    def _carry_on(self, row: int, stop: int) -> int:
        """Decide once, at the first close with a reason; return the row at which to go on."""
        calm = row + 1 if self._every_row else min(self.broker.blotter.next_due, stop)
        if self._over:
            return calm
        at, reason = self._next_decision(row, calm)
        if reason == NONE:
            return calm
        self._decide(at, reason)
        return at + 1

    def _next_decision(self, row: int, calm: int) -> tuple[int, int]:
        """Return the first row before `calm`, up to which nothing fills, with a reason, and it."""
        agenda = self._agenda
        due, reason = agenda.due(row)
        if self._watch.needed and not agenda.out:
            at, seen = self._watch.find(row, min(due + 1, calm), agenda.ready)
            # At the very row of a scheduled return a drift changes nothing, but a stop does.
            if seen == RebalanceReason.GUARD or (seen == RebalanceReason.DRIFT and at < due):
                return at, seen
        return (due, reason) if due < calm else (calm, NONE)

    def _decide(self, row: int, reason: int) -> None:
        """Order what is missing to the targets, or to nothing; a lost account orders no more."""
        (value, gross), plan = self.broker.value(row), self._plan
        # The simulation sees ruin on the curve, after this, and calls `liquidate`.
        if value <= 0.0:
            return
        # The symbols that have had a bar and are not gone, which most of the time are all of them.
        present = plan.present(row)
        some: Selection = slice(None) if present.all() else np.flatnonzero(present)
        symbol, target = plan.symbol[some], plan.target[some]
        close = self.broker.marks(row, row + 1)[0][symbol]
        held = self.broker.account.units[symbol] * close / value
        goal = np.zeros_like(target) if reason == RebalanceReason.GUARD else target
        # What no order is made for is no turnover. Fractions of equity: price and equity are 1.
        gap = goal - held
        size = np.abs(gap)
        if np.minimum.reduce(size) <= EQUAL * (1.0 + gross / value):
            size = np.where(is_held_already(gap, held, 1.0, 1.0), 0.0, size)
        wanted = float(size.sum())
        most = wanted if self._turnover is None else self._turnover
        allowed = wanted if wanted <= most * (1.0 + EQUAL) else most
        fall = self._watch.fall(value)
        self._record.decide(row, reason, (wanted, allowed), fall)
        self._log_stop(row, reason, value, fall)
        self._agenda.decided(row, reason, capped=allowed < wanted)
        # All orders shrink alike, so the portfolio moves straight towards its targets.
        if allowed < wanted:
            goal = held + gap * (allowed / wanted)
        if allowed:
            self._orders.order(row, some, goal, close)

    def _log_stop(self, row: int, reason: int, value: float, fall: float) -> None:
        """Log when a drawdown stop begins and ends; restart the peak where it ends."""
        construction = self._plan.construction
        if reason == RebalanceReason.GUARD and not self._agenda.out:
            self._messages.append((row, stop_sentence(construction, fall)))
        elif reason != RebalanceReason.GUARD and self._agenda.out:
            self._messages.append((row, stop_sentence(construction, None)))
            self._watch.restart(value)


def stop_sentence(construction: PortfolioConstruction, fall: float | None) -> str:
    """Return the sentence that a drawdown stop has begun, at a fall from the peak, or has ended."""
    every = construction.rebalance_frequency
    if fall is None:
        return f"Back to the target weights with the {every} rebalance"
    return (
        f"Drawdown of {as_percent(fall):.2f}% has reached max_drawdown_pct of "
        f"{construction.max_drawdown_pct:g}: everything is sold until the next {every} rebalance"
    )
