"""The ledger of trials in every store, held to the same promises.

Doctrine: what a store says of the ledger is compared with what the entries themselves say. Whatever
is changed in a file behind the store's back is found when it is opened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import apsw
import pytest
from support.backends import ALL_STORES
from support.sqlite_files import inline_store, new_path

from glowback_trio.model.ledger.entry import LedgerEntry, Origin, Tally, next_entry, owner_digest
from glowback_trio.model.ledger.family import Family
from glowback_trio.model.ledger.totals import fold_totals, totals_of
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store import Store
from glowback_trio.store.sqlite.maintenance import check_store
from glowback_trio.testing import open_virtual_gateway

BARS, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
ME = owner_digest("me")


def tally(name: str, dataset: str = BARS, origin: Origin = "run", owner: str = "") -> Tally:
    family = Family(name, f"{name}-fingerprint" if name == "mine" else None)
    given = [0.1, 0.25, None]
    return Tally.of(
        given, family=family, dataset=dataset, origin=origin, origin_id="x", owner=owner
    )


TALLIES = [
    tally("a"),
    tally("mine", owner=ME),
    tally("a", OTHER, "optimization"),
    tally("a", owner=ME),
    Tally.of([], family=Family("a"), dataset=BARS, origin="run", origin_id="y", alike=2),
]


def chain(tallies: list[Tally]) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    for each in tallies:
        entries.append(next_entry(entries[-1] if entries else None, each))
    return entries


ENTRIES = chain(TALLIES)


@pytest.fixture(params=ALL_STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    made = ALL_STORES[request.param]()
    async with made.opened(make_registry()):
        assert await made.ledger.head() is None
        assert await made.ledger.broken() is None
        for each in TALLIES:
            made.ledger.append(each)
        await made.flush()
        yield made


async def test_entries_are_given_back_as_they_were(store: Store) -> None:
    assert await store.ledger.head() == ENTRIES[-1]
    assert await store.ledger.entries(None, None, None, 0, 10) == ENTRIES
    assert await store.ledger.entries(None, None, None, 2, 2) == ENTRIES[2:4]
    assert await store.ledger.broken() is None


async def test_an_entry_follows_the_one_that_was_handed_over_before_it(store: Store) -> None:
    store.ledger.append(TALLIES[0])
    store.ledger.append(TALLIES[1])
    newest = await store.ledger.head()
    assert newest is not None
    assert newest.number == len(ENTRIES) + 2
    await store.flush()
    assert await store.ledger.broken() is None
    assert await store.ledger.head() == newest


async def test_entries_are_found_by_strategy_bars_and_owner(store: Store) -> None:
    async def numbers(name: str | None, dataset: str | None, owner: str | None) -> list[int]:
        found = await store.ledger.entries(name, dataset, owner, 0, 10)
        return [each.number for each in found]

    assert await numbers("a", None, None) == [1, 3, 4, 5]
    assert await numbers(None, OTHER, None) == [3]
    assert await numbers("a", BARS, ME) == [4]
    assert await numbers(None, None, "") == [1, 3, 5]


async def test_the_bars_of_an_origin_are_found(store: Store) -> None:
    assert await store.ledger.datasets_of("x") == {BARS, OTHER}
    assert await store.ledger.datasets_of("y") == {BARS}
    assert await store.ledger.datasets_of("z") == set()


async def test_totals_are_those_of_the_entries(store: Store) -> None:
    assert await store.ledger.totals(None, None) == fold_totals(TALLIES)
    assert list(await store.ledger.totals("a", OTHER)) == [("a", OTHER)]
    for family in (Family("a"), Family("renamed", "mine-fingerprint"), Family("none")):
        assert await store.ledger.totals_of(family, BARS) == totals_of(TALLIES, family, BARS)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ledger SET trials = 1000 WHERE number = 2",
        "UPDATE ledger SET trials = -1 WHERE number = 2",
        "UPDATE ledger SET owner = 'nobody' WHERE number = 2",
        "DELETE FROM ledger WHERE number = 2",
    ],
)
async def test_damage_is_found_when_the_file_is_opened(
    damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = new_path()
    store = inline_store(path)
    async with store.opened(make_registry()):
        for each in TALLIES:
            store.ledger.append(each)
    connection = apsw.Connection(str(path))
    connection.execute(damage)
    connection.close()
    async with open_virtual_gateway(store=inline_store(path)) as gateway:
        assert gateway.ledger.broken is not None
        assert gateway.ledger.broken.number == 2
        assert await gateway.ledger.head() == ENTRIES[-1].hash
        # What cannot be an entry any more is left out.
        listed = [entry.number for entry in await gateway.ledger.entries()]
        assert set(listed) >= {entry.number for entry in ENTRIES} - {2}
    assert "The ledger of trials is damaged: Entry 2 " in caplog.text
    assert [each for each in check_store(path) if each.startswith("The ledger of trials: Entry 2")]


async def test_a_ledger_whose_newest_entry_was_changed_goes_on() -> None:
    path = new_path()
    store = inline_store(path)
    async with store.opened(make_registry()):
        for each in TALLIES:
            store.ledger.append(each)
    connection = apsw.Connection(str(path))
    last = ENTRIES[-1]
    connection.execute("UPDATE ledger SET trials = -1 WHERE number = ?", (last.number,))
    connection.close()
    async with open_virtual_gateway(store=inline_store(path)) as gateway:
        assert gateway.ledger.broken is not None
        assert (gateway.ledger.broken.number, await gateway.ledger.head()) == (
            last.number,
            last.hash,
        )
