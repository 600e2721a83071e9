"""Bars never change once they are made: columns are read-only, and copied unless they always were.

Doctrine: every way in which a caller could keep a writable view of a column is tried.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars


def days_after(offsets: Iterable[int]) -> list[np.datetime64]:
    return [np.datetime64("2024-01-01") + np.timedelta64(n, "D") for n in offsets]


def bars(symbol: str = "A", days: int = 3, **columns: object) -> Bars:
    time = days_after(range(days))
    price = np.arange(1.0, days + 1)
    given = dict.fromkeys(("open", "high", "low", "close", "volume"), price)
    return Bars(symbol, **{"time": time, **given, **columns})  # type: ignore[arg-type]  # by name


def test_columns_are_copied_and_read_only() -> None:
    close = np.ones(3)
    held = bars(close=close)
    close[0] = 7.0
    assert held.close[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        held.close[0] = 2.0


def test_columns_must_be_as_long_as_the_times() -> None:
    with pytest.raises(DataError, match="'close' has shape"):
        bars(close=np.ones(2))


@pytest.mark.parametrize("order", [(0, 0, 1), (2, 1, 0)])
def test_times_must_ascend(order: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="ascending"):
        bars(time=days_after(order))


def test_a_digest_depends_on_the_content_and_nothing_else() -> None:
    assert bars().digest() == bars().digest()
    assert bars().digest() != bars(symbol="B").digest()
    assert bars().digest() != bars(volume=np.zeros(3)).digest()


def test_columns_in_memory_that_cannot_be_written_are_not_copied() -> None:
    page = np.frombuffer(np.arange(1.0, 4.0).tobytes())
    time = np.array(["2024-01-02", "2024-01-03", "2024-01-04"], dtype="M8[ns]")
    assert Bars("X", time, page, page, page, page, page[:]).close is page
    assert Bars("X", time, page, page, page, page, page).time is not time


def test_a_column_that_could_be_made_writable_again_is_copied() -> None:
    time = np.array(["2024-01-02", "2024-01-03", "2024-01-04"], dtype="M8[ns]")
    closed = np.arange(1.0, 4.0)
    closed.setflags(write=False)
    bars = Bars("X", time, closed, closed, closed, closed, closed[:])
    closed.setflags(write=True)
    closed[0] = 99.0
    assert bars.close[0] == bars.volume[0] == 1.0


def test_a_read_only_view_of_a_writable_column_is_copied() -> None:
    behind = np.arange(1.0, 4.0)
    view = behind[:]
    view.setflags(write=False)
    time = np.array(["2024-01-02", "2024-01-03", "2024-01-04"], dtype="M8[ns]")
    bars = Bars("X", time, view, view, view, view, view)
    behind[0] = 99.0
    assert bars.close[0] == 1.0
