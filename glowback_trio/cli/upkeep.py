"""The memory of the serving process between requests: short collections, and what is given back."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio

from glowback_trio.memory import Memory, give_back

__all__ = ["collecting_shortly", "give_back_for_ever"]

_log = logging.getLogger(__name__)

# A collection visits what has come since the last one that froze: at most some 40,000 objects.
# Python puts off the collection of the oldest generation by rules of its own, so none waits for it.
_THRESHOLDS = 2_000, 20, 1_000
_FREEZES = 1
_LOOK_S = 2.0
_RELEASED = 16 << 20
# After so long all objects are visited once: cycles may have become garbage since they were frozen.
_ALL_S = 600.0
# Not worth a visit: fewer objects have come than this.
_FEW = 50_000


@contextmanager
def collecting_shortly() -> Iterator[None]:
    """Keep the pauses of the garbage collector short, for the length of a block.

    Nothing is served during a collection. By default a full one visits every object there is, for
    tenths of a second with thousands of streams or a long log in memory. What has survived one of
    a middle size is frozen instead: only objects that came later are visited the next time. What is
    frozen is still freed with its last reference, as runs and their logs are.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    # Everything imported so far lives as long as the process, so it is never worth a visit.
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.callbacks.append(_freeze)
    try:
        yield
    finally:
        gc.callbacks.remove(_freeze)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _freeze(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] >= _FREEZES:
        gc.freeze()


async def give_back_for_ever(memory: Memory) -> None:
    """Be the task that gives memory back to the system after much of it was released.

    Args:
        memory: Whose accounts tell how much was.
    """
    frozen, due = gc.get_freeze_count(), trio.current_time() + _ALL_S
    while True:
        await trio.sleep(_LOOK_S)
        if memory.released >= _RELEASED:
            memory.released = 0
            await _give_back()
        if trio.current_time() >= due:
            if gc.get_freeze_count() > frozen + _FEW:
                gc.unfreeze()
                gc.collect()
            frozen, due = gc.get_freeze_count(), trio.current_time() + _ALL_S


async def _give_back() -> None:
    try:
        await trio.to_thread.run_sync(give_back)
    except RuntimeError as error:  # no thread can be started: the next time, perhaps
        _log.warning("Memory is not given back for now: %s", error)
