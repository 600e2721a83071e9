"""Bars that the gateway and its workers share: written once, never writable, never left behind.

Doctrine: both sides are used as the processes use them, here in one process; whoever holds a
descriptor tries to change what it leads to. Descriptors are counted before and after.
"""

from __future__ import annotations

import gc
import mmap
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import trio

from glowback_trio import BacktestRequest, Bars, MemoryCatalogue, ProcessCompute, open_gateway
from glowback_trio.compute.process.nameless_file import sealed_file, unlinked_file
from glowback_trio.compute.process.shared_bars import MappedBars, SharedBars, SharedValue

Write = Callable[[Iterable[bytes | memoryview]], int]


def some_bars(symbol: str, rows: int = 100) -> Bars:
    time = np.datetime64("2020-01-01") + np.arange(rows)
    price = 100 + np.sin(np.arange(rows) / 9)
    return Bars(symbol, time, price, price + 1, price - 1, price, price)


def body(value: SharedValue) -> memoryview:
    return memoryview(b"".join(value.parts))


def hold(bars: MappedBars, value: SharedValue) -> list[int]:
    """Do as a worker that is told what a value needs; return the descriptors that it asked for."""
    asked = []
    ahead = iter(value.segments)

    def receive() -> int:
        asked.append(os.dup(next(ahead).descriptor))
        return asked[-1]

    bars.hold([segment.number for segment in value.segments], receive)
    return asked


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def same(ours: Bars, theirs: Bars) -> bool:
    return ours.digest() == theirs.digest()


def test_bars_arrive_as_they_are_and_without_a_copy() -> None:
    catalogue = MemoryCatalogue([some_bars("A"), some_bars("B", rows=7)])
    value, mapped = SharedBars().pack(catalogue), MappedBars()
    hold(mapped, value)
    arrived = mapped.unpack(body(value))
    assert all(same(arrived.bars[symbol], bars) for symbol, bars in catalogue.bars.items())
    close = arrived.bars["A"].close
    assert not close.flags.owndata
    assert close.flags.aligned
    with pytest.raises(ValueError, match="WRITEABLE"):
        close.setflags(write=True)


def test_bars_are_written_once_whatever_they_come_in() -> None:
    shared, mapped = SharedBars(), MappedBars()
    a, b = some_bars("A"), some_bars("B")
    first, again = shared.pack(MemoryCatalogue([a])), shared.pack({"other": [a, a]})
    assert first.segments == again.segments
    assert len(hold(mapped, first)) == 1
    assert hold(mapped, again) == []
    both = shared.pack([a, b])
    assert both.segments[0] is first.segments[0]
    assert len(body(both)) < 1000
    hold(MappedBars(), both)


def test_a_value_without_bars_needs_no_segment() -> None:
    value = SharedBars().pack({"text": [1, 2.5, None]})
    assert value.segments == []
    assert MappedBars().unpack(body(value)) == {"text": [1, 2.5, None]}


def test_a_worker_lets_go_of_what_the_next_job_does_not_need() -> None:
    shared, mapped = SharedBars(), MappedBars()
    kept = some_bars("A"), some_bars("B")
    first, second = shared.pack(kept[0]), shared.pack(kept[1])
    hold(mapped, first)
    hold(mapped, second)
    assert same(mapped.unpack(body(second)), kept[1])
    with pytest.raises(KeyError):
        mapped.unpack(body(first))


def test_a_segment_lives_as_long_as_one_of_its_bars() -> None:
    before = descriptors()
    shared = SharedBars()
    kept, other = some_bars("A"), some_bars("B")
    shared.pack([kept, other])
    del other
    assert descriptors() == before + 1
    del kept
    assert descriptors() == before


@pytest.mark.parametrize("write", [sealed_file, unlinked_file])
def test_a_nameless_file_can_only_be_read(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = descriptors()
    descriptor = write([b"one ", memoryview(b"and two")])
    assert list(tmp_path.iterdir()) == []
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped[:] == b"one and two"
    with pytest.raises(OSError, match=r"Operation not permitted|Bad file descriptor"):
        os.pwrite(descriptor, b"x", 0)
    with pytest.raises(PermissionError):
        mmap.mmap(descriptor, 0, access=mmap.ACCESS_WRITE)
    os.close(descriptor)
    assert descriptors() == before


async def test_runs_share_bars_and_leave_no_descriptor() -> None:
    data = MemoryCatalogue([some_bars("A"), some_bars("B")])
    request = BacktestRequest(symbols=["A", "B"], start_date="2020-01-01", end_date="2020-04-01")
    before = descriptors()
    async with open_gateway(data=data, compute=ProcessCompute(workers=1)) as gateway:
        for _ in range(3):
            status = await gateway.submit(request).wait_finished()
            assert status.error is None
    await trio.lowlevel.checkpoint()
    del gateway
    assert descriptors() <= before


def test_closing_closes_the_files_whoever_holds_their_bars_and_packs_them_anew_later() -> None:
    before, bars, shared = descriptors(), some_bars("A"), SharedBars()
    value = shared.pack([bars])
    assert descriptors() == before + 1
    shared.close()
    shared.close()
    assert descriptors() == before
    again, mapped = shared.pack([bars]), MappedBars()
    assert again.segments[0].number != value.segments[0].number
    hold(mapped, again)
    assert same(mapped.unpack(body(again))[0], bars)
