"""What runs on a node of the cluster: one job, as a task that yields items.

A process of a node carries out one task after the other, for one gateway only.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

from attrs import define, field

from glowback_trio.compute.process.frames import (
    Kind,
    Parts,
    pack_progress,
    pack_value,
    unpack_value,
)
from glowback_trio.compute.process.grouping import held_back
from glowback_trio.compute.process.shared_bars import BarsPlace, BarsUnpickler
from glowback_trio.compute.process.warming import load_kernel
from glowback_trio.compute.ray.items import pack_item
from glowback_trio.compute.ray.orders import Order
from glowback_trio.compute.steps import Failed, Progressed, Step
from glowback_trio.data import no_checkpoint
from glowback_trio.extras import FAST, RAY
from glowback_trio.model.bars import Bars
from glowback_trio.model.strategies.foreign import said
from glowback_trio.version import VERSION

__all__ = ["carry_out", "node_version"]

# Asking whether to stop takes up to a millisecond, and a step some ten.
_LOOK_S = 0.02


def carry_out(gate: Any, attempt: int, order: Order) -> Iterator[bytes]:
    """Carry out a job on this node; yield its steps as items.

    Args:
        gate: Where the job waits between its turns.
        attempt: Number of the attempt.
        order: The job, and what it needs.
    """
    numbers = count()

    def item(kind: Kind, parts: Parts = ()) -> bytes:
        return pack_item(attempt, next(numbers), kind, parts)

    yield item(Kind.TAKEN, pack_value(_address()))
    for step in _steps(order, _Turns(gate, attempt)):
        if isinstance(step, Progressed):
            yield item(Kind.DRAFTS, [pack_progress(step.drafts, step.result_bytes)])
        else:
            yield item(Kind.LAST, pack_value(step))
    if order.warm:
        _PROCESS.warm()


def node_version() -> str:
    """Return the version of this package on the node."""
    return VERSION


def _steps(order: Order, turns: _Turns) -> Iterator[Step]:
    if order.version != VERSION:
        yield Failed(
            f"The Ray node {_address()} has glowback-trio {VERSION} and the gateway has "
            f"{order.version}; install the same version on both"
        )
        return
    with order.limits.held(), _interruptible():
        try:
            job = _PROCESS.unpack(order)
        except Exception as error:  # noqa: BLE001 - importing a strategy runs its module
            yield Failed(
                f"The strategy cannot be imported on the Ray node {_address()} ({said(error)}); "
                "install its module there as it is installed for the gateway, or set PYTHONPATH "
                "for `ray start` on every node"
            )
            return
        # A sign that the work begins: a new process has taken seconds to import what it needs.
        yield Progressed()
        yield from held_back(turns.between(job.steps(no_checkpoint)))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let an interrupt, by which Ray cancels, be told from what a strategy raises by itself."""
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _address() -> str:
    address: str = RAY.load("ray").util.get_node_ip_address()
    return address


@define(eq=False)
class _Turns:
    """A job's turns, as it sees them."""

    _gate: Any
    _attempt: int
    _looked: float = field(factory=time.monotonic, init=False)
    #: What the gate has been asked; None if it is asked no more.
    _asked: Any = field(default=None, init=False)

    def between(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Pass on steps; wait after one if the job is to stop, and end if it is cancelled."""
        self._ask()
        for step in steps:
            yield step
            if self._asked is None or time.monotonic() - self._looked < _LOOK_S:
                continue
            self._looked = time.monotonic()
            if RAY.load("ray").wait([self._asked], timeout=0)[0] and not self._may_go_on():
                return

    def _ask(self) -> None:
        self._asked = self._gate.wait_stopped.remote(self._attempt)

    def _may_go_on(self) -> bool:
        """Do as the gate says: wait for the next turn; return False to end."""
        ray, asked, self._asked = RAY.load("ray"), self._asked, None
        with suppress(ray.exceptions.RayError):  # a gate that is gone stops nobody
            said = ray.get(asked)
            if said == "end":
                return False
            if said == "wait":
                going = ray.get(self._gate.wait_going.remote(self._attempt))
                self._ask()
                return bool(going)
        return True


@define(eq=False)
class _Process:
    """What this process keeps from one job to the next."""

    #: The bars of the latest job, by their number.
    _segments: Mapping[int, Sequence[Bars]] = field(factory=dict, init=False)
    _warmed: bool = field(default=False, init=False)

    def unpack(self, order: Order) -> Any:
        """Return the job of an order.

        Raises:
            Exception: Whatever importing the job's classes raises.
        """
        sys.path += [path for path in order.paths if path not in sys.path]
        ray, before = RAY.load("ray"), self._segments
        fresh = {n: one for n, one in order.segments.items() if n not in before}
        values = dict(zip(fresh, ray.get(list(fresh.values())), strict=True))
        self._segments = {n: values[n] if n in values else before[n] for n in order.segments}
        return unpack_value(memoryview(order.job), self._unpickler)

    @property
    def _unpickler(self) -> Callable[..., BarsUnpickler]:
        return lambda *args, **more: BarsUnpickler(self._find, *args, **more)

    def _find(self, place: BarsPlace) -> Bars:
        number, index = place
        return self._segments[number][index]

    def warm(self) -> None:
        """Begin to load the compiled kernel, unless that was done."""
        if FAST.is_installed and not self._warmed:
            threading.Thread(target=load_kernel, name="warming", daemon=True).start()
        self._warmed = True


_PROCESS = _Process()
