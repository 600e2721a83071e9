"""Dates of a simulation: `datetime.now()` and its like, where the program asks for them."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Protocol

from glowback_trio.testing.sim.loop.programs import is_program, program_modules

__all__ = ["EPOCH", "watched_dates"]

#: The second since 1970 at which virtual time 0 lies: the beginning of 2024.
EPOCH = 1_704_067_200


class _Seconds(Protocol):
    """Gives the virtual seconds since 1970, None for the real ones, or raises."""

    def __call__(self, name: str, *, is_of_program: bool) -> float | None:
        """Return them."""


@contextmanager
def watched_dates(seconds: _Seconds) -> Iterator[None]:
    """Replace the classes `datetime` and `date` in the program's own modules.

    They are written in C and cannot be changed. The modules of others keep them.
    """
    moment, day = _watched_datetime(seconds), _watched_date(seconds)
    module = ModuleType("datetime", dt.__doc__)
    vars(module).update(vars(dt) | {"datetime": moment, "date": day})
    replaced = {id(dt.datetime): moment, id(dt.date): day, id(dt): module}
    changed = [
        (vars(each), name, value)
        for each in program_modules()
        for name, value in list(vars(each).items())
        if id(value) in replaced
    ]
    for names, name, value in changed:
        names[name] = replaced[id(value)]
    try:
        yield
    finally:
        for names, name, value in changed:
            names[name] = value


class _Alike(type):
    """Makes a class answer `isinstance` as the class that it replaces."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.__mro__[1])

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__mro__[1])


def _watched_datetime(seconds: _Seconds) -> type:
    real = dt.datetime

    class Watched(dt.datetime, metaclass=_Alike):
        def __new__(cls, *args: Any, **named: Any) -> Any:
            return real(*args, **named)

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            now = seconds("datetime.now", is_of_program=is_program(sys._getframe(1)))  # noqa: SLF001 - quick
            return real.now(tz) if now is None else real.fromtimestamp(now, tz)

        @classmethod
        def utcnow(cls) -> Any:
            now = seconds("datetime.utcnow", is_of_program=is_program(sys._getframe(1)))  # noqa: SLF001 - quick
            at = real.now(dt.UTC) if now is None else real.fromtimestamp(now, dt.UTC)
            return at.replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            now = seconds("datetime.today", is_of_program=is_program(sys._getframe(1)))  # noqa: SLF001 - quick
            return real.today() if now is None else real.fromtimestamp(now)

    Watched.__name__ = Watched.__qualname__ = "datetime"
    return Watched


def _watched_date(seconds: _Seconds) -> type:
    real = dt.date

    class Watched(dt.date, metaclass=_Alike):
        def __new__(cls, *args: Any, **named: Any) -> Any:
            return real(*args, **named)

        @classmethod
        def today(cls) -> Any:
            now = seconds("date.today", is_of_program=is_program(sys._getframe(1)))  # noqa: SLF001 - quick
            return real.today() if now is None else real.fromtimestamp(now)

    Watched.__name__ = Watched.__qualname__ = "date"
    return Watched
