"""Processor time of works that take turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

__all__ = ["cpu_ms", "in_turn"]


def cpu_ms(work: Callable[[], object]) -> float:
    """Measure the processor time of one call, in milliseconds."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


def in_turn(works: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Measure works in turn, after one call each to warm up.

    Returns:
        For each work, its processor times in milliseconds.
    """
    for work in works:
        work()
    rounds = [[cpu_ms(work) for work in works] for _ in range(repeats)]
    return [list(times) for times in zip(*rounds, strict=True)]
