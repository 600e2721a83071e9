"""The order in which trio runs tasks, made a parameter.

Trio shuffles the tasks that are ready at the same time, with a generator of its own and in an order
that otherwise depends on memory addresses. Seeding both is possible through names that trio keeps
private; they are used here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio

__all__ = ["seeded_schedule"]


@contextmanager
def seeded_schedule(seed: int) -> Iterator[None]:
    """Make every `trio.run` that begins in this block take its tasks in the order of `seed`.

    The same seed gives the same interleaving, across processes too. Call `trio.run` once per block:
    a second one would go on where the first left the generator.
    """
    scheduler: Any = trio._core._run  # noqa: SLF001 - see the head of this file
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING  # noqa: SLF001
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # noqa: SLF001
    scheduler._r.seed(seed)  # noqa: SLF001
    try:
        yield
    finally:
        # The generator goes on from the seed, which does no harm; the flag would make other loops
        # pay for sorting their tasks.
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before  # noqa: SLF001
