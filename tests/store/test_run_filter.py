"""Lists of runs by their conditions.

Doctrine: the conditions of a list are defined by `RunFilter.matches`. What a SQLite file finds is
compared with that definition, for every combination of conditions that some run or none meets.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.sqlite_files import inline_store

from glowback_trio import BacktestRequest, RunFilter, SqliteStore
from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.events import encode
from glowback_trio.model.instant import stamp
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.strategies.parameters import MaCrossover
from glowback_trio.model.strategies.registry import make_registry

DAY = datetime(2024, 1, 1, tzinfo=UTC)
REQUEST = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2024-02-01")
REQUESTS = (
    REQUEST,
    evolve(REQUEST, symbols=["B", "A"], tags=["slow"]),
    evolve(REQUEST, symbols=["B"], name="Straße", tags=["slow", "fast"]),
    evolve(REQUEST, strategy=MaCrossover(short_period=3, long_period=8), note='100% slow_ "x"'),
    evolve(REQUEST, symbols=["B"], tags=['say "hi"', "süß"]),
)
CONDITIONS: dict[str, tuple[Any, ...]] = {
    "state": (None, State.QUEUED, State.FAILED, State.COMPLETED),
    "tag": (None, "slow", 'say "hi"', "hi", "low"),
    "q": (None, "SLOW", "STRASSE", "%", "_", "nothing"),
    "strategy": (None, "ma_crossover", "rsi"),
    "symbol": (None, "A", "B", "C"),
    "since": (None, DAY + timedelta(days=2), DAY + timedelta(days=99)),
}


def quiet() -> None:
    pass


async def filled(store: SqliteStore) -> None:
    """Open runs of all requests, one a day, of which every second one has failed."""
    for number, request in enumerate(REQUESTS * 2):
        run_id, moment = f"run-{number}", stamp(DAY + timedelta(days=number))
        log = store.open_log(run_id, request, quiet)
        log.append(encode(1, run_id, "state", moment, b'{"state":"queued"}'))
        if number % 2:
            log.append(encode(2, run_id, "state", moment, b'{"state":"failed","error":"no"}'))
    # Labels that were changed count as they are now.
    store.label("run-1", Labels(name="slow and steady"))
    await store.flush()


def ids(statuses: Sequence[Status]) -> list[str]:
    return [status.run_id for status in statuses]


async def test_a_file_finds_what_meets_the_conditions_newest_first(tmp_path: Path) -> None:
    store = inline_store(tmp_path / "runs.sqlite")
    async with store.opened(make_registry()):
        await filled(store)
        everything = await store.statuses(RunFilter(), None, 100)
        assert ids(everything) == [f"run-{number}" for number in reversed(range(10))]
        for values in itertools.product(*CONDITIONS.values()):
            only = RunFilter(**dict(zip(CONDITIONS, values, strict=True)))
            expected = [status for status in everything if only.matches(status)]
            assert await store.statuses(only, None, 100) == expected, only
            assert await store.statuses(only, None, 2) == expected[:2], only
            older = [s for s in expected if int(s.run_id[-1]) < 5]
            assert await store.statuses(only, "run-5", 100) == older, only


async def test_words_of_a_run_that_is_gone_find_nothing(tmp_path: Path) -> None:
    store = inline_store(tmp_path / "runs.sqlite")
    async with store.opened(make_registry()):
        await filled(store)
        for number in range(10):
            store.forget(f"run-{number}")
        await store.flush()
        for only in (RunFilter(tag="slow"), RunFilter(symbol="A"), RunFilter(q="slow")):
            assert await store.statuses(only, None, 100) == []


@pytest.mark.parametrize(
    ("condition", "value"),
    [("tag", ""), ("q", "x" * 129), ("since", "yesterday"), ("state", "queued"), ("symbol", 7)],
)
def test_a_condition_that_no_run_can_meet_is_refused(condition: str, value: object) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        RunFilter(**{condition: value})  # type: ignore[arg-type]  # wrong on purpose
    assert refused.value.problems[0].path[0] == condition


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("strasse", [7, 2]),
        ("SLOW", [8, 7, 6, 3, 2, 1]),
        ("ma_cross", [8, 3]),
        ("RUN-4", [4]),
        ("b", [9, 7, 6, 5, 4, 2, 1, 0]),
        ('","', []),
        ("%", [8, 3]),
    ],
)
async def test_a_search_looks_at_all_that_names_a_run(
    tmp_path: Path, text: str, found: list[int]
) -> None:
    store = inline_store(tmp_path / "runs.sqlite")
    async with store.opened(make_registry()):
        await filled(store)
        everything = await store.statuses(RunFilter(), None, 100)
        for tag in (None, "slow"):
            only = RunFilter(search=text, tag=tag)
            meant = [each for each in everything if only.matches(each)]
            assert await store.statuses(only, None, 100) == meant
            if tag is None:
                assert ids(meant) == [f"run-{number}" for number in found]
