"""The trace of a strategy that is called at every bar: what it decided, and what it was told.

A replay needs no broker: as long as it decides the same, it is told the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from attrs import asdict, define, evolve, field, frozen

from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.traders.context import OrderDesk
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import PLAIN, OrderSpec

__all__ = ["Decision", "NotingDesk", "ReplayDesk", "Trace"]

_MOST = 1_000_000  # decisions: some 300 MB
_NO_SYMBOL = -1
_PLAIN = asdict(PLAIN)


@frozen
class Decision:
    """One decision.

    Attributes:
        what: A target, an order or a cancellation.
        symbol: Index of the symbol; -1 for a cancellation.
        amount: The fraction, the signed units, or the number of the order to cancel.
        spec: Conditions of an order.
    """

    what: str
    symbol: int
    amount: float
    spec: OrderSpec = PLAIN

    def __str__(self) -> str:
        if self.what != "order":
            return f"a {self.what} of {self.amount:.10g}"
        given = asdict(self.spec)
        changed = [
            f"{name} {given[name]}" for name, plain in _PLAIN.items() if given[name] != plain
        ]
        return ", ".join([f"an order of {self.amount:.10g} units", *changed])


@define(eq=False)
class _Answer:
    """The orders and fills that followed a decision at once.

    Attributes:
        decision: The decision.
        number: Of the order that it made, or that it cancelled.
        done: False if there was nothing to cancel.
        open: Number and symbol of the orders that were open afterwards.
    """

    decision: Decision
    number: int
    done: bool
    open: tuple[tuple[int, int], ...]


@frozen(eq=False)
class _Holding:
    """The account and the open orders at the close of a row, before the strategy was called."""

    row: int
    cash: float
    units: Floats
    open: tuple[tuple[int, int], ...]


@define(eq=False)
class Trace:
    """All decisions of a run by row, and what was held when they were made.

    Attributes:
        answers: By row.
        holdings: Where one differs from the one before, ascending.
        count: How many decisions there are.
        rows: On how many rows the strategy was called: all, or those before its account was lost.
    """

    answers: defaultdict[int, list[_Answer]] = field(factory=lambda: defaultdict(list))
    holdings: list[_Holding] = field(factory=list)
    count: int = 0
    rows: int = 0

    def note(self, row: int, answer: _Answer) -> None:
        """Note a decision."""
        self.count += 1
        self.answers[row].append(answer)

    def check_length(self) -> None:
        """Check that there are not too many decisions.

        Raises:
            DataError: There are.
        """
        if self.count > _MOST:
            raise DataError(f"more than {_MOST:,} decisions cannot be checked: shorten the range")

    def hold(self, row: int, account: Account, orders: Iterable[tuple[int, int]]) -> None:
        """Note that the strategy is called at a row, and what is held there if that changed."""
        self.rows = row + 1
        held, open_orders = self.holdings[-1] if self.holdings else None, tuple(orders)
        # Every fill and payment makes a new float, so identity shows if there was one.
        if held is None or held.cash is not account.cash:
            self.holdings.append(_Holding(row, account.cash, account.units.copy(), open_orders))
        elif held.open != open_orders:
            self.holdings.append(evolve(held, row=row, open=open_orders))


class NotingDesk:
    """Passes decisions on to a broker, and notes them.

    Args:
        desk: The broker.
        trace: Receives the notes.
    """

    def __init__(self, desk: OrderDesk, trace: Trace) -> None:
        self._desk = desk
        self._trace = trace

    @property
    def account(self) -> Account:
        """Cash and positions."""
        return self._desk.account

    def value(self, row: int) -> tuple[float, float]:
        """Return equity and gross exposure; see `Broker`."""
        return self._desk.value(row)

    def first_bar(self, row: int, symbol: int) -> int:
        """Return the first bar that may fill an order; see `Broker`."""
        return self._desk.first_bar(row, symbol)

    def open_orders(self) -> Iterable[tuple[int, int]]:
        """Return the open orders; see `Broker`."""
        return self._desk.open_orders()

    def order_target(self, row: int, symbol: int, fraction: float, close: float, bar: int) -> None:
        """Order what a target lacks."""
        self._desk.order_target(row, symbol, fraction, close, bar)
        self._note(row, Decision("target", symbol, fraction))

    def order(self, row: int, symbol: int, quantity: float, bar: int, spec: OrderSpec) -> _Order:
        """Order so many units."""
        number = self._desk.order(row, symbol, quantity, bar, spec).number
        self._note(row, Decision("order", symbol, quantity, spec), number)
        return _Order(number)

    def cancel(self, row: int, number: int) -> bool:
        """Cancel an order."""
        done = self._desk.cancel(row, number)
        self._note(row, Decision("cancellation", _NO_SYMBOL, number), number, done=done)
        return done

    def _note(self, row: int, decision: Decision, number: int = 0, *, done: bool = True) -> None:
        orders = tuple(self._desk.open_orders())
        self._trace.note(row, _Answer(decision, number, done, orders))


@frozen
class _Order:
    number: int


class _Marks(Protocol):
    """Gives the last closes; a `Timeline` does."""

    def marks(self, start: int, stop: int) -> Floats:
        """Return the last closes of some rows."""


class ReplayDesk:
    """Answers a replay as a trace says, and compares what it decides.

    Args:
        trace: Of the strategy on all bars.

    Attributes:
        marks: Gives last closes.
        account: Cash and positions at the row.
        differs: The first decision that is another one, as the one of the trace and that of the
            replay; None stands for no decision.
    """

    def __init__(self, trace: Trace, marks: _Marks) -> None:
        self.marks = marks
        self.account = Account(0.0, np.zeros(0))
        self.differs: tuple[Decision | None, Decision | None] | None = None
        self._trace = trace
        self._next = 0  # of the holdings
        self._open: tuple[tuple[int, int], ...] = ()
        self._left: Sequence[_Answer] = ()

    def begin(self, row: int) -> None:
        """Begin a row; they come in their order."""
        holdings = self._trace.holdings
        if self._next < len(holdings) and holdings[self._next].row == row:
            held = holdings[self._next]
            self.account = Account(held.cash, held.units.copy())
            self._open = held.open
            self._next += 1
        self._left = self._trace.answers.get(row, ())

    @property
    def expected(self) -> Decision | None:
        """The next decision of the trace at this row; None if there is none."""
        return self._left[0].decision if self._left else None

    def end(self) -> None:
        """End a row: decisions that were not made are a difference."""
        if self._left and self.differs is None:
            self.differs = self._left[0].decision, None

    def value(self, row: int) -> tuple[float, float]:
        """Return equity and gross exposure; see `Broker`."""
        return self.account.worth(self.marks.marks(row, row + 1)[0])

    def first_bar(self, row: int, symbol: int) -> int:
        """Return any bar: nothing is filled here."""
        return 0

    def open_orders(self) -> Iterable[tuple[int, int]]:
        """Return the open orders; see `Broker`."""
        return self._open

    def order_target(self, row: int, symbol: int, fraction: float, close: float, bar: int) -> None:
        """Compare a target with the trace."""
        self._answer(Decision("target", symbol, fraction))

    def order(self, row: int, symbol: int, quantity: float, bar: int, spec: OrderSpec) -> _Order:
        """Compare an order with the trace."""
        answer = self._answer(Decision("order", symbol, quantity, spec))
        return _Order(answer.number if answer else 0)

    def cancel(self, row: int, number: int) -> bool:
        """Compare a cancellation with the trace."""
        answer = self._answer(Decision("cancellation", _NO_SYMBOL, number))
        return answer is not None and answer.done

    def _answer(self, decision: Decision) -> _Answer | None:
        if self.differs is not None:
            return None
        expected = self._left[0] if self._left else None
        if expected is None or expected.decision != decision:
            self.differs = None if expected is None else expected.decision, decision
            return None
        self._left = self._left[1:]
        self._open = expected.open
        return expected
