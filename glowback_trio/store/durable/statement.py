"""Changes of rows, and what is handed over together with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from attrs import define, frozen

__all__ = ["CallInThread", "LogTable", "RowNumber", "Statement"]

#: Calls a function where it may block, and returns what it returns.
CallInThread = Callable[..., Awaitable[Any]]
#: The table that has the row of what a log is of.
LogTable = Literal["runs", "attempts"]


@define(eq=False)
class RowNumber:
    """The number of the row of a run or an attempt.

    Attributes:
        value: The number; 0 while the database has not given it one.
    """

    value: int = 0


@frozen
class Statement:
    """A change of rows.

    Attributes:
        sql: One statement.
        values: What its parameters stand for.
        size: How many bytes it holds, roughly.
        last: It holds up the commits of others, so it is made at the end.
    """

    sql: str
    values: Sequence[Any] = ()
    size: int = 100
    last: bool = False
