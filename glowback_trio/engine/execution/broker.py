"""The broker: fills orders on one account, row by row.

At a row, first the time since the last one is paid for, then the orders that are due meet their
bar: what fills at the open before what fills later in the bar, reductions before the rest, each in
alphabetical order. Strategies decide afterwards, at the close: an order never sees the bar it was
made on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.execution.blotter import Blotter
from glowback_trio.engine.execution.brackets import Brackets
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.execution.matching import Match, at_open, follow, match, prices
from glowback_trio.engine.execution.order import Order, Remainder
from glowback_trio.engine.execution.sizing import TargetAtFill, exceeds, reduces, shortfall
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.tolerance import (
    held_after,
    is_held_already,
    is_rounding,
    is_worthless,
)
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import PLAIN, OrderEventKind, OrderSpec

#: An order, and where its bar fills it.
Matched = tuple[Order, Match]

__all__ = ["Broker"]

# A global costs a quarter of a member looked up on its class, which shows at every fill.
_UNAFFORDABLE = OrderEventKind.UNAFFORDABLE, OrderEventKind.REMAINDER_UNAFFORDABLE  # by `filled`
_NO_ROW = -1
_YEAR = np.timedelta64(365, "D")


class Broker:
    """Fills orders on one account.

    Args:
        timeline: The bars.
        costs: Conditions of a fill.
        journal: Receives everything that happens.
        capital: Cash at the start, currency.
    """

    def __init__(
        self, timeline: Timeline, costs: CostModel, journal: EventJournal, capital: float
    ) -> None:
        self._timeline = timeline
        self._costs = costs
        self._has_financing = costs.has_financing
        self._journal = journal
        self.account = Account.opened(capital, len(timeline.bars))
        self.blotter = Blotter(timeline, journal)
        self._fills_on_next_row = self.blotter.is_complete and not costs.latency
        self._targets: dict[int, Order] = {}  # by symbol, the order for its latest target
        self._filled_volume: dict[int, float] = {}  # by symbol, of the bars of this row
        self._brackets = Brackets(timeline, self.blotter)
        self._endings = timeline.endings if costs.closes_ended else {}
        self._marks: Floats = np.zeros((0, len(timeline.bars)))
        self._symbols = len(timeline.bars)
        self._opens: list[Sequence[float]] = [bars.open.data for bars in timeline.bars]
        self._first = 0
        self._valued_row, self._valued = _NO_ROW, (0.0, 0.0)

    def set_marks(self, marks: Floats, first: int) -> None:
        """Set the last closes, (rows, N), of the rows from `first` on."""
        self._marks, self._first = marks, first

    def marks(self, start: int, stop: int) -> Floats:
        """Return the last closes, (rows, N), of some of the rows that have been set."""
        return self._marks[start - self._first : stop - self._first]

    def value(self, row: int) -> tuple[float, float]:
        """Return equity and gross exposure at the closes of this row, currency.

        The last answer is kept, because what sizes an order at a close also limits it at the next
        open. A fill does not outdate it: after a fill only later rows are valued.
        """
        if self._valued_row != row:
            at, account = row - self._first, self.account
            self._valued_row = row
            if self._symbols == 1:
                self._valued = account.worth_of_one(self._marks.item(at, 0))
            else:
                self._valued = account.worth(self._marks[at])
        return self._valued

    def begin_row(self, row: int) -> None:
        """Pay for the time since the last row, and try the orders that are due."""
        if row and self._has_financing:
            self._pay_financing(row)
        orders = self.blotter.due(row)
        ended = row in self._endings
        if orders or ended:
            self._filled_volume.clear()
            matched: list[Matched] = []
            for order in orders:
                if order.spec is PLAIN:
                    matched.append((order, at_open(self._opens[order.symbol][order.bar])))
                elif found := self._match(order, row):
                    matched.append((order, found))
            if ended:
                matched += self._closings(row)
            self._fill(matched, row, *self.value(row - 1))

    def order_target(self, row: int, symbol: int, fraction: float, close: float, bar: int) -> None:
        """Order what a target lacks, and cancel what is open for the symbol's target before.

        Args:
            row: Row of the close it is made at.
            symbol: Index of the symbol.
            fraction: Signed, of the symbol's share of equity. A short target becomes a flat one if
                short positions are not allowed.
            close: The price the quantity is computed at, currency.
            bar: The symbol's first bar that may fill it.
        """
        before = self._targets.pop(symbol, None)
        if before is not None and before.remaining:
            self.blotter.close(row, before, OrderEventKind.REPLACED)
        # Flat instead of refused: strategies that only know sides are usable without shorts.
        if fraction < 0.0 and not self._costs.allow_short:
            fraction = 0.0
        equity, held = self.value(row)[0], self.account.held[symbol]
        quantity = shortfall(fraction * (equity / self._symbols), close, held)
        if is_held_already(quantity, held, close, equity):
            return
        at_fill, whole = self._costs.sized_at_fill, self._costs.whole_shares
        if whole and not at_fill:
            quantity = self._costs.rounded(quantity)
        if quantity:
            order = self._targets[symbol] = self.blotter.submit(row, symbol, quantity, bar)
            order.fraction = fraction if at_fill else None

    def order(self, row: int, symbol: int, quantity: float, bar: int, spec: OrderSpec) -> Order:
        """Submit an order of so many units; one that is not worth making ends there and then.

        Args:
            row: The row it is made at.
            symbol: Index of the symbol.
            quantity: Signed units.
            bar: The symbol's first bar that may fill it.
            spec: Its conditions.
        """
        order = self.blotter.submit(row, symbol, quantity, bar, spec)
        close = self._marks.item(row - self._first, symbol)
        if is_worthless(quantity, close, self.value(row)[0]):
            self.blotter.close(row, order, OrderEventKind.TOO_SMALL)
        return order

    def first_bar(self, row: int, symbol: int) -> int:
        """Return the symbol's first bar that may fill an order made at a row's close."""
        if self._fills_on_next_row:
            return row + 1
        return self.blotter.first_bar(row, symbol, self._costs.latency)

    def cancel(self, row: int, number: int) -> bool:
        """Cancel an order; return True if it was still open."""
        order = self.blotter.open.get(number)
        if order is not None:
            self.blotter.close(row, order, OrderEventKind.CANCELLED)
        return order is not None

    def open_orders(self) -> Iterable[tuple[int, int]]:
        """Return number and symbol of each open order, oldest first."""
        return [(order.number, order.symbol) for order in self.blotter.open.values()]

    def liquidate(self, row: int) -> None:
        """Cancel all open orders and order every position closed.

        These orders fill like all others, latency and volume cap included; buying power does not
        limit them, as they only reduce.
        """
        self.blotter.close_all(row, OrderEventKind.RUINED)
        for symbol in np.flatnonzero(self.account.units).tolist():
            bar = self.blotter.first_bar(row, symbol, self._costs.latency)
            self.blotter.submit(row, symbol, -self.account.held[symbol], bar)

    def _closings(self, row: int) -> list[Matched]:
        """Order closed, at their last closes, the positions whose data have ended.

        That no bar is left is taken as known on the first row without one, as of an announced
        delisting: at the last bar itself it is not.
        """
        matched = []
        for symbol in self._endings[row]:
            self.blotter.close_symbol(row, symbol, OrderEventKind.DATA_ENDED)
            if units := self.account.held[symbol]:
                bar = len(self._timeline.bars[symbol])
                order = self.blotter.enter(row, symbol, -units, bar, PLAIN)
                matched.append((order, at_open(order.mark)))
        return matched

    def fill_remainder(self, rest: Remainder, row: int) -> None:
        """Fill what a batch has submitted but not filled, on the row it is due."""
        orders = [self.blotter.adopt(*one) for one in rest.orders]
        opens = [at_open(self._opens[order.symbol][order.bar]) for order in orders]
        self._fill(list(zip(orders, opens, strict=True)), row, rest.equity, rest.gross)

    def _match(self, order: Order, row: int) -> Match | None:
        """Find where an order's bar fills it; if it does not, let the order wait or end."""
        bar = prices(self._timeline.bars[order.symbol], order.bar)
        if found := match(order, bar):
            return found
        follow(order, bar)
        self.blotter.wait(row, order)
        return None

    def _fill(self, matched: list[Matched], row: int, equity: float, gross: float) -> None:
        """Fill matched orders, each as far as volume and buying power allow.

        Args:
            matched: The orders, and where their bar fills them.
            row: The row of the bar.
            equity: Of the account at the last closes, before.
            gross: Gross exposure, likewise.
        """
        while matched:
            in_turn = matched if len(matched) == 1 else sorted(matched, key=self._turn)
            for order, at in in_turn:
                # An order of the same row may have cancelled this one since.
                if order.remaining:
                    equity, gross = self._try(order, at, row, equity, gross)
            if not self._brackets.new:
                return
            matched = self._brackets.submit_exits(row, self.account.units)

    def _turn(self, matched: Matched) -> tuple[bool, bool, int, bool, int]:
        """Return the sort key of an order; of two for one symbol the stop, the worse, is first."""
        order, at = matched
        held = self.account.held[order.symbol]
        # An exit shrinks to its position when its turn comes, and so never does more than reduce.
        reducing = reduces(held, order.remaining) or (
            order.reduce_only and held * order.remaining < 0.0
        )
        return not at.at_open, not reducing, order.symbol, at.limited, order.number

    def _try(
        self, order: Order, at: Match, row: int, equity: float, gross: float
    ) -> tuple[float, float]:
        """Fill what position, volume and buying power allow.

        Returns:
            Equity and gross exposure afterwards, at the last closes.
        """
        costs, mark = self._costs, order.mark
        held = self.account.held[order.symbol]
        size = abs(held)
        # These conditions spare the most frequent order, an ordinary market order, three calls.
        if order.reduce_only or order.fraction is not None or not costs.allow_short:
            self._settle(order, row, at.price, held, equity)
        quantity = order.remaining if costs.participation is None else self._capped(order, equity)
        if at.limited or costs.impact:
            price = at.price if at.limited else self._impacted(order, at.price, quantity)
        else:
            price = costs.slipped(at.price, quantity)
        worth, others = equity + held * (price - mark), gross - size * mark
        commission, fits = costs.commission(quantity, price, maker=at.maker), quantity
        if exceeds(others + abs(held + quantity) * price, worth, commission, costs.leverage):
            fits = costs.affordable(quantity, price, held, worth, others, maker=at.maker)
            commission = costs.commission(fits, price, maker=at.maker)
        # All or nothing, whatever it is that leaves something unfilled.
        if fits != order.remaining and order.spec.time_in_force == "FOK":
            fits = quantity = 0.0
        if fits:
            equity += fits * (mark - price) - commission
            gross += (abs(held + fits) - size) * mark
            units, lost = held_after(held, fits, price, worth), abs(fits * (price - at.price))
            cash = self.account.cash - (fits * price + commission)
            self._book(order, row, fits, (price, commission, lost, units, cash))
            if order.spec is not PLAIN and order.spec.exits:
                self._brackets.note_fill(order, at, fits, units)
        # What volume leaves may fill on the next bar; what money leaves is cancelled.
        if fits != quantity and order.remaining:
            self.blotter.close(row, order, _UNAFFORDABLE[order.filled])
        elif order.remaining:
            self.blotter.wait(row, order)
        return equity, gross

    def _settle(self, order: Order, row: int, price: float, held: float, equity: float) -> None:
        """Settle the quantity an order stands for, before volume and buying power limit it."""
        if order.fraction is not None:
            self._size(order, row, price, held, equity)
            # Until a bar fills any of it, the quantity of the signal stands for a side only.
            if order.fraction is not None:
                return
        if order.reduce_only:
            most = abs(held) if held * order.remaining < 0.0 else 0.0
            self.blotter.trim(row, order, most, OrderEventKind.NO_POSITION)
        elif order.remaining < 0.0 and not self._costs.allow_short:
            # A sale beyond the position ends at flat, except for an order that has to fill in full.
            beyond = -order.remaining - max(0.0, held)
            whole_only = order.spec.time_in_force == "FOK" and not (
                beyond <= 0.0 or is_rounding(beyond, order.remaining)
            )
            most = 0.0 if whole_only else max(0.0, held)
            self.blotter.trim(row, order, most, OrderEventKind.SHORT_NOT_ALLOWED)

    def _size(self, order: Order, row: int, reference: float, held: float, equity: float) -> None:
        """Turn a target into a quantity at the price it fills at, once a bar fills any of it."""
        assert order.fraction is not None
        most = self._offered(order, equity)
        if not self._costs.capped(order.remaining, most):
            return
        fraction, order.fraction = order.fraction / len(self._timeline.bars), None
        volume = self._volume(order)
        target = TargetAtFill(fraction, equity, held, order.mark, reference, volume, most)
        quantity, price = target.solved(self._costs)
        there = is_held_already(quantity, held, price, target.worth(price))
        quantity = 0.0 if there else self._costs.rounded(quantity)
        if quantity:
            self.blotter.amend(row, order, quantity)
        else:
            self.blotter.close(row, order, OrderEventKind.BELOW_ONE_UNIT)

    def _capped(self, order: Order, equity: float) -> float:
        """Return what the bar's volume fills of an order, after other fills of the same bar."""
        return self._costs.capped(order.remaining, self._offered(order, equity))

    def _offered(self, order: Order, equity: float) -> float:
        """Return the units that the bar's volume offers, after other fills of the same bar."""
        part, volume = self._costs.participation, self._volume(order)
        if part is None or volume == math.inf:
            return math.inf
        most = part * volume
        left = most - self._filled_volume.get(order.symbol, 0.0)
        if is_rounding(left, most) or is_worthless(left, order.mark, equity):
            left = 0.0
        return left

    def _impacted(self, order: Order, reference: float, quantity: float) -> float:
        return self._costs.impacted(reference, quantity, self._volume(order))

    def _volume(self, order: Order) -> float:
        """Return the volume of an order's bar; infinite past the last, where it limits nothing."""
        volume = self._timeline.bars[order.symbol].volume
        return volume.item(order.bar) if order.bar < len(volume) else math.inf

    def _book(
        self,
        order: Order,
        row: int,
        quantity: float,
        figures: tuple[float, float, float, float, float],
    ) -> None:
        """Change the account by a fill and record it.

        Args:
            order: The order.
            row: The row.
            quantity: Signed units filled.
            figures: Price, commission and slippage cost, and units and cash after it.
        """
        symbol, account = order.symbol, self.account
        held, units = account.held[symbol], figures[3]
        account.held[symbol], account.cash = units, figures[4]
        if self._costs.participation is not None:
            self._filled_volume[symbol] = self._filled_volume.get(symbol, 0.0) + abs(quantity)
        order.filled = True
        self.blotter.set_remaining(order, order.remaining - quantity)
        self._journal.fill(row, order.number, symbol, quantity, figures)
        if order.oco is not None and order.oco.remaining:
            kind = OrderEventKind.OCO_FILLED
            self.blotter.trim(row, order.oco, abs(order.remaining), kind)
        # Flat, or on the other side: either way the position that the exits belong to is closed.
        if held * units <= 0.0:
            self._brackets.cancel_exits(row, symbol)

    @quiet
    def _pay_financing(self, row: int) -> None:
        """Pay for borrowed units and cash, for the time since the last row, at its closes."""
        account, time = self.account, self._timeline.time
        equity, gross = self.value(row - 1)
        worth = account.units * self._marks[row - 1 - self._first]
        years = float((time[row] - time[row - 1]) / _YEAR)
        shorts = -float(np.minimum(worth, 0.0).sum())
        borrow, interest = self._costs.financing(shorts, account.cash, years)
        if amount := borrow + interest:
            account.cash -= amount
            # The fills of this row start from the value after payment.
            self._valued = equity - amount, gross
            self._journal.financing(row, borrow, interest, account.cash)
