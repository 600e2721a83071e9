"""Tripwires: a simulated program must not read the wall clock, entropy or real sockets.

The program's own code trips: an `EscapeError` names the line. The standard library and installed
packages are given virtual time and seeded numbers instead, for they may need some, and so is the
program where the search allows it.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, NamedTuple

import trio

from glowback_trio.testing.sim.errors import EscapeError
from glowback_trio.testing.sim.loop.points import current
from glowback_trio.testing.sim.loop.programs import (
    is_program,
    line_of_program,
    program_modules,
)
from glowback_trio.testing.sim.loop.waits import place
from glowback_trio.testing.sim.world.dates import EPOCH, watched_dates

__all__ = ["ALLOWABLE", "Tripwires"]

#: What a search can be told to allow.
ALLOWABLE = ("clock", "entropy", "sockets")

_WHAT = {
    "clock": ("reads the wall clock", "read trio.current_time(), or take the clock as a parameter"),
    "entropy": (
        "draws entropy",
        "draw from a random.Random with a seed, or take ids as a parameter",
    ),
    "sockets": ("opens a real socket", "use streams in memory, or a virtual network"),
}


class _Wire(NamedTuple):
    """A function that is watched.

    Attributes:
        owner: The module that has it.
        name: Its name there.
        subject: One of `ALLOWABLE`.
        instead: What is called for whoever may; None for the function itself.
    """

    owner: ModuleType
    name: str
    subject: str
    instead: Callable[..., Any] | None = None


class Tripwires:
    """Watches the rounds of one search.

    Attributes:
        tripped: What a round has read that it must not, in order.
    """

    def __init__(self, allow: Collection[str], is_worker: Callable[[], bool]) -> None:
        self._allow = frozenset(allow)
        self._is_worker = is_worker
        self.tripped: list[EscapeError] = []
        self._entropy = random.Random(0)  # noqa: S311 - it stands for entropy
        self._is_seeded = False

    def begin_round(self) -> None:
        """Forget what has tripped, and give the same numbers again."""
        self.tripped.clear()
        self._is_seeded = False
        self._entropy.seed(0)
        random.seed(0)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Watch in this block."""
        state = random.getstate()
        with ExitStack() as stack:
            stack.callback(random.setstate, state)
            replaced = {}
            for wire in self._wires():
                function = getattr(wire.owner, wire.name)
                replaced[id(function)] = self._watched(wire, function)
                stack.enter_context(_attribute(wire.owner, wire.name, replaced[id(function)]))
            for module, name, value in _globals_among(replaced):
                stack.enter_context(_attribute(module, name, replaced[id(value)]))
            stack.enter_context(_attribute(socket.socket, "__init__", self._watched_socket()))
            stack.enter_context(_attribute(socket, "socketpair", self._watched_pair()))
            stack.enter_context(watched_dates(self._date))
            yield

    def _wires(self) -> Iterator[_Wire]:
        yield _Wire(time, "time", "clock", _since_epoch)
        yield _Wire(time, "time_ns", "clock", lambda: round(_since_epoch() * 1e9))
        yield _Wire(time, "monotonic", "clock", trio.current_time)
        yield _Wire(time, "monotonic_ns", "clock", lambda: round(trio.current_time() * 1e9))
        yield _Wire(os, "urandom", "entropy", self._entropy.randbytes)
        yield _Wire(random, "_urandom", "entropy", self._entropy.randbytes)
        yield _Wire(random, "seed", "seed", self._seed)
        for owner, names in (
            (uuid, ("uuid1", "uuid4")),
            (secrets, ("token_bytes", "token_hex", "token_urlsafe", "choice", "randbelow")),
            (random, ("choice", "choices", "gauss", "getrandbits", "randbytes", "randint")),
            (random, ("random", "randrange", "sample", "shuffle", "uniform")),
        ):
            for name in names:
                yield _Wire(owner, name, "entropy")

    def _watched(self, wire: _Wire, function: Callable[..., Any]) -> Callable[..., Any]:
        instead = wire.instead or function

        def watched(*args: Any, **named: Any) -> Any:
            if not self._is_watched():
                return function(*args, **named)
            if wire.subject != "seed" and is_program(sys._getframe(1)):  # noqa: SLF001 - quick
                self._trip(wire)
            if wire.subject == "clock" and not trio.lowlevel.in_trio_task():
                return function(*args, **named)  # a thread may wait for real time to pass
            return instead(*args, **named)

        return watched

    def _is_watched(self) -> bool:
        """Return whether this is a task of the simulated program, or one of its worker threads."""
        return current() is not None and (trio.lowlevel.in_trio_task() or self._is_worker())

    def _trip(self, wire: _Wire) -> None:
        is_decided = wire.owner is random and self._is_seeded
        if wire.subject not in self._allow and not is_decided:
            self._raise(wire.subject, f"{wire.owner.__name__}.{wire.name}")

    def _raise(self, subject: str, name: str) -> None:
        what, instead = _WHAT[subject]
        line = line_of_program(sys._getframe(2), _starter())  # noqa: SLF001 - the quick way to the caller's frame
        error = EscapeError(
            f"the program {what} in a simulation, so no round could be repeated: {name} at {line}. "
            f"Instead, {instead}; or allow it with allow=({subject!r},)"
        )
        self.tripped.append(error)
        raise error

    def _seed(self, *args: Any, **named: Any) -> None:
        random.Random.seed(random._inst, *args, **named)  # noqa: SLF001 - what random.seed is bound to
        self._is_seeded = bool(args or named)

    def _watched_socket(self) -> Callable[..., None]:
        begin = socket.socket.__init__

        def __init__(opened: Any, *args: Any, **named: Any) -> None:  # noqa: N807 - that is its name
            descriptor = named.get("fileno", args[3] if len(args) > 3 else None)
            # One that takes a descriptor over opens nothing.
            if descriptor is None:
                self._refuse_socket("socket.socket")
            begin(opened, *args, **named)

        return __init__

    def _watched_pair(self) -> Callable[..., Any]:
        make = socket.socketpair

        def socketpair(*args: Any, **named: Any) -> Any:
            self._refuse_socket("socket.socketpair")
            return make(*args, **named)

        return socketpair

    def _refuse_socket(self, name: str) -> None:
        if self._is_watched() and "sockets" not in self._allow:
            self._raise("sockets", name)

    def _date(self, name: str, *, is_of_program: bool) -> float | None:
        """Return the virtual seconds since 1970, or None where the real date is meant."""
        if not self._is_watched():
            return None
        if is_of_program and "clock" not in self._allow:
            self._raise("clock", name)
        return _since_epoch() if trio.lowlevel.in_trio_task() else None


def _starter() -> str:
    """Return where the task waits for which this one runs, as trio's own tasks do."""
    nursery = trio.lowlevel.current_task().parent_nursery if trio.lowlevel.in_trio_task() else None
    return place(nursery.parent_task) if nursery is not None else "a line of a worker thread"


def _since_epoch() -> float:
    return EPOCH + trio.current_time()


def _globals_among(values: Collection[int]) -> list[tuple[ModuleType, str, Any]]:
    """Return the global names of the program that are bound to one of these objects."""
    return [
        (module, name, value)
        for module in program_modules()
        for name, value in list(vars(module).items())
        if id(value) in values
    ]


@contextmanager
def _attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
