"""The bound on what one run may emit.

Doctrine: real runs in virtual time with a budget that is too small for them; a run that fails for
it keeps a sound log, whose events are those of a run without the budget.
"""

from __future__ import annotations

import pytest
from support.sqlite_files import inline_store
from trio.testing import MockClock

from glowback_trio import (
    BacktestRequest,
    InlineCompute,
    Run,
    State,
    Stream,
    assert_sound,
    open_gateway,
)
from glowback_trio.model.invariants import essence
from glowback_trio.store import Store
from glowback_trio.store.memory_log import MemoryLog
from glowback_trio.testing import virtual_now

# So many symbols that the work is cut into several slices.
SYMBOLS = [f"S{number}" for number in range(100)]


async def run_within(max_log_bytes: int, store: Store | None = None, **stream: object) -> Run:
    """Return a run that has ended, under this budget."""
    request = BacktestRequest(
        symbols=SYMBOLS,
        start_date="2021-01-01",
        end_date="2024-12-31",
        stream=Stream(**stream),  # type: ignore[arg-type]  # checked by Stream
    )
    async with open_gateway(
        store=store, compute=InlineCompute(), clock=virtual_now, max_log_bytes=max_log_bytes
    ) as gateway:
        run = gateway.submit(request)
        await run.wait_finished()
    return run


@pytest.mark.parametrize("pace", [None, 1e6])
async def test_a_run_that_emits_too_much_fails_with_a_sentence(
    pace: float | None, autojump_clock: MockClock
) -> None:
    budget = 400_000
    run = await run_within(budget, metrics_every=1, pace_bars_per_s=pace)
    log = run.events(limit=1_000_000)
    assert_sound(log)
    assert run.status.state is State.FAILED
    assert run.status.error is not None
    assert "400,000 bytes of events that one run may have (GLOWBACK_MAX_LOG_BYTES)" in (
        run.status.error
    )
    assert isinstance(run.broadcaster.log, MemoryLog)
    assert budget / 2 < run.broadcaster.log.size < budget, "what fits is emitted"


@pytest.mark.parametrize(("pace", "end"), [(None, State.COMPLETED), (1e6, State.FAILED)])
async def test_a_log_on_disk_has_no_bound_unless_its_events_wait_in_memory(
    pace: float | None, end: State, autojump_clock: MockClock
) -> None:
    run = await run_within(400_000, inline_store(), metrics_every=1, pace_bars_per_s=pace)
    assert run.status.state is end


async def test_what_a_run_emitted_before_it_failed_is_what_it_emits_without_the_budget(
    autojump_clock: MockClock,
) -> None:
    whole, cut = [await run_within(budget, metrics_every=1) for budget in (1 << 28, 400_000)]
    assert whole.status.state is State.COMPLETED
    emitted = cut.events(limit=1_000_000)[:-1]
    assert len(emitted) > 100
    assert essence(emitted) == essence(whole.events(limit=len(emitted)))


async def test_a_run_that_asks_for_less_keeps_within_the_budget(autojump_clock: MockClock) -> None:
    run = await run_within(400_000)
    assert run.status.state is State.COMPLETED
