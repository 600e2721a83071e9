"""Seeded schedules.

Doctrine: the same seed must give the same interleaving in this process and in another one, and
different seeds must differ, or the tests that try many seeds try one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import trio

from glowback_trio.testing import seeded_schedule


def order_under(seed: int) -> list[int]:
    order: list[int] = []

    async def note(number: int) -> None:
        for _ in range(3):
            order.append(number)
            await trio.lowlevel.checkpoint()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(note, number)

    with seeded_schedule(seed):
        trio.run(main)
    return order


def test_the_same_seed_gives_the_same_interleaving_and_another_gives_another() -> None:
    assert order_under(7) == order_under(7)
    assert len({tuple(order_under(seed)) for seed in range(20)}) == 20


def test_an_interleaving_is_the_same_in_another_process() -> None:
    code = "from test_schedule import order_under; print(order_under(3))"
    here = str(Path(__file__).parent)
    for salt in ("0", "1"):
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": ":".join([here, *sys.path]), "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert ended.stdout.strip() == str(order_under(3))
