"""The bound on memory: what accounts hold never exceeds it, unless it was there already.

Doctrine: accounts are added up by hand. Control groups stand in a directory that plays the root of
the system, as in the tests of cores.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from glowback_trio.errors import ResourceError
from glowback_trio.memory import Holding, Memory, give_back, resident, usable_memory


def test_accounts_share_one_bound_and_say_which_of_them_found_nothing_left() -> None:
    memory = Memory(1000)
    logs, bodies = memory.account("logs"), memory.account("bodies")
    logs.reserve(700)
    assert not bodies.try_reserve(301)
    bodies.reserve(300)
    assert (memory.left, memory.full) == (0, True)
    message = r"memory for bodies \(GLOWBACK_MAX_MEMORY is 1,000 bytes\)"
    with pytest.raises(ResourceError, match=message):
        bodies.reserve(1)
    logs.release(700)
    assert (memory.held["logs"], memory.held["bodies"], memory.released) == (0, 300, 700)


def test_what_is_there_already_is_counted_beyond_the_bound() -> None:
    memory = Memory(1000)
    memory.account("program").add(5000)
    memory.account("logs").add(10)
    assert memory.left == -4010
    with pytest.raises(ResourceError, match="memory for logs"):
        memory.check()
    memory.account("program").release(4500)
    memory.check()


def test_memory_without_a_bound_counts_and_refuses_nothing() -> None:
    memory = Memory()
    memory.account("results").reserve(1 << 60)
    memory.check()
    assert (memory.left, memory.full, memory.held["results"]) == (None, False, 1 << 60)


def test_a_block_holds_its_bytes_however_it_ends() -> None:
    memory = Memory(10)
    with suppress(KeyError), memory.account("downloads").reserved(10):
        assert memory.full
        raise KeyError
    assert memory.left == 10


def test_a_holding_is_released_with_its_last_reference() -> None:
    memory = Memory(10)
    holding = Holding(memory.account("results"))
    holding.resize(8)
    with pytest.raises(ResourceError):
        holding.resize(11)
    assert holding.size == 8
    holding.grow_to(12)
    holding.resize(5)
    assert memory.left == 5
    del holding
    assert memory.left == 10


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000000\n"}, 1_000_000),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": "500000\n",
                "sys/fs/cgroup/a/b/memory.max": "900000\n",
            },
            500_000,
        ),
        (
            {
                "proc/self/cgroup": "5:devices:/x\n4:memory:/docker/1\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "700000\n",
            },
            700_000,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            None,
        ),
    ],
)
def test_the_limit_of_a_control_group_counts_in_either_version(
    tmp_path: Path, files: dict[str, str], limit: int | None
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert usable_memory(tmp_path) == (machine if limit is None else limit)


def test_the_memory_of_this_process_can_be_read_and_given_back() -> None:
    give_back()
    assert resident() > 1 << 20
