"""Portfolios in the kernel: when to return to the weights, and what to order then.

The counterpart of `traders.rebalancing`, `agenda` and `watch`, one row after the other.
"""

from __future__ import annotations

import math

from glowback_trio.engine.execution.blotter import NEVER
from glowback_trio.engine.kernel.arithmetic import added, is_held_already
from glowback_trio.engine.kernel.orders import order_target
from glowback_trio.engine.kernel.tables import Book, Limits, Run, Tables
from glowback_trio.engine.tolerance import EQUAL, WORTH
from glowback_trio.model.portfolio import NONE, RebalanceReason

__all__ = ["decide", "note_flat", "note_worth"]

_NONE = int(NONE)
_ALLOCATION = int(RebalanceReason.ALLOCATION)
_SCHEDULE = int(RebalanceReason.SCHEDULE)
_DRIFT = int(RebalanceReason.DRIFT)
_GUARD = int(RebalanceReason.GUARD)


def note_flat(run: Run, row: int) -> None:
    """Note that nothing is held: if a stop waits for that, its return is due next."""
    state = run.book.state[0]
    if state["unsold"] == 0:
        return
    marks = run.tables.marks[row - run.tables.first]
    for symbol in run.plan.symbol:
        if not abs(run.book.units[symbol]) * marks[symbol] <= WORTH * state["equity"]:
            return
    state["unsold"] = 0
    state["scheduled"] = run.plan.scheduled[row]


def note_worth(run: Run, row: int) -> None:
    """Write down the market values of the portfolio's symbols."""
    marks = run.tables.marks[row - run.tables.first]
    for place in range(len(run.plan.symbol)):
        symbol = run.plan.symbol[place]
        run.curve.worth[row, place] = run.book.units[symbol] * marks[symbol]


def decide(run: Run, row: int) -> None:
    """Order what is missing to the weights, if there is a reason to; see `RebalancingTrader`."""
    due, reason = _agenda(run.book, row)
    limits, state = run.plan.limits[0], run.book.state[0]
    watched = not (math.isnan(limits["fall"]) and math.isnan(limits["drift"]))
    if watched and state["out"] == 0:
        seen = _seen(run, row)
        if seen == _GUARD or (seen == _DRIFT and row < due):
            due, reason = row, seen
    if due == row and state["equity"] > 0.0:
        _return_to_weights(run, row, reason)


def _agenda(book: Book, row: int) -> tuple[int, int]:
    """Return the next row that calls for a decision whatever prices do, and its reason."""
    state = book.state[0]
    earliest = max(row, state["ready"])
    if state["selling"] != 0:
        return earliest, _GUARD
    scheduled = max(earliest, state["scheduled"])
    if state["out"] == 0 and state["arrival"] <= scheduled:
        return max(earliest, state["arrival"]), _ALLOCATION
    return scheduled, _SCHEDULE


def _seen(run: Run, row: int) -> int:
    """Find out whether the fall or a drift has reached its limit at a row; move the peak on."""
    limits, state = run.plan.limits[0], run.book.state[0]
    value = state["equity"]
    state["peak"] = max(state["peak"], value)
    peak = state["peak"]
    if (peak - value) / peak >= limits["fall"] and _holds(run.book):
        return _GUARD
    if row >= state["ready"] and _drift(run, row) >= limits["drift"]:
        return _DRIFT
    return _NONE


def _holds(book: Book) -> bool:
    for symbol in range(len(book.units)):
        if book.units[symbol] != 0.0:
            return True
    return False


def _drift(run: Run, row: int) -> float:
    """Return the largest distance of a weight from its target; NaN if none can be told."""
    book, plan = run.book, run.plan
    marks, value = run.tables.marks[row - run.tables.first], book.state[0]["equity"]
    most, some = 0.0, False
    for place in range(len(plan.symbol)):
        there = plan.first[place] <= row < plan.end[place]
        some = some or there
        symbol = plan.symbol[place]
        target = plan.target[place] if there else 0.0
        away = abs(book.units[symbol] * marks[symbol] / value - target)
        if math.isnan(away):
            return math.nan
        most = max(most, away)
    return most if some else math.nan


def _return_to_weights(run: Run, row: int, reason: int) -> None:
    """Order what is missing to the targets, or to nothing after a fall, as far as turnover may."""
    book, plan = run.book, run.plan
    count = _gaps(book, run.tables, plan, row, reason)
    if count == 0:
        return
    wanted = 0.0 + added(plan.size, count, book.halves)
    most = plan.limits[0]["turnover"]
    if math.isnan(most):
        most = wanted
    allowed = wanted if wanted <= most * (1.0 + EQUAL) else most
    _write_down(book, row, reason, (wanted, allowed))
    _note_decision(run, row, reason, allowed < wanted)
    if allowed == 0.0:
        return
    earliest = row + 1 if len(run.tables.earliest) == 0 else run.tables.earliest[row]
    for at in range(count):
        place = plan.chosen[at]
        goal = 0.0 if reason == _GUARD else plan.target[place]
        # All orders shrink alike, so the portfolio moves straight towards its targets.
        if allowed < wanted:
            goal = plan.held[at] + plan.gap[at] * (allowed / wanted)
        order_target(book, run.tables, row, plan.symbol[place], goal * len(book.units), earliest)


def _gaps(book: Book, tables: Tables, plan: Limits, row: int, reason: int) -> int:
    """Work out how far each symbol that is there is from its goal; return how many there are."""
    state, marks = book.state[0], tables.marks[row - tables.first]
    value, gross = state["equity"], state["gross"]
    count, least = 0, math.inf
    for place in range(len(plan.symbol)):
        if plan.first[place] <= row < plan.end[place]:
            symbol = plan.symbol[place]
            goal = 0.0 if reason == _GUARD else plan.target[place]
            plan.chosen[count] = place
            plan.held[count] = book.units[symbol] * marks[symbol] / value
            plan.gap[count] = goal - plan.held[count]
            plan.size[count] = abs(plan.gap[count])
            least = min(least, plan.size[count])
            count += 1
    # What no order is made for is no turnover. Fractions of equity: price and equity are 1.
    if least <= EQUAL * (1.0 + gross / value):
        for at in range(count):
            if is_held_already(plan.gap[at], plan.held[at], 1.0, 1.0):
                plan.size[at] = 0.0
    return count


def _write_down(book: Book, row: int, reason: int, turnover: tuple[float, float]) -> None:
    state = book.state[0]
    if len(book.decisions) > 0:
        decision = book.decisions[state["decisions"]]
        decision["row"] = row
        decision["reason"] = reason
        decision["wanted"] = turnover[0]
        decision["allowed"] = turnover[1]
        decision["drawdown"] = (state["peak"] - state["equity"]) / state["peak"]
    state["decisions"] += 1


def _note_decision(run: Run, row: int, reason: int, cut: bool) -> None:  # noqa: FBT001 - numba takes no keywords-only arguments
    """Note what follows from a decision; `cut`: the turnover cap let only a part be ordered."""
    state, plan = run.book.state[0], run.plan
    out = reason == _GUARD
    # After a stop the peak starts anew: measured from the old one, the next close would stop again.
    if state["out"] != 0 and not out:
        state["peak"] = state["equity"]
    state["out"] = 1 if out else 0
    state["selling"] = 1 if out and cut else 0
    state["unsold"] = 1 if out else 0
    # Volume, latency and missing bars may all put off the sales that the return waits for.
    state["scheduled"] = NEVER if out else plan.scheduled[row]
    state["arrival"] = _arrival(plan, row + 1)
    if len(run.tables.earliest) > 0:
        state["ready"] = run.tables.earliest[row]


def _arrival(plan: Limits, row: int) -> int:
    for arrival in plan.arrivals:
        if arrival >= row:
            return int(arrival)
    return NEVER
