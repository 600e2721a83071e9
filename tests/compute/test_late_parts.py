"""Fills and orders of a result are made when somebody asks for them.

Doctrine: what is counted is which parts there are, never time or memory. A run in a worker process
is compared with the same run computed inline, column by column and in the bytes that a store keeps.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import attrs
import pytest
from support.results import small_result

from glowback_trio import BacktestRequest, MaCrossover, ProcessCompute, SqliteStore, open_gateway
from glowback_trio.compute.process.frames import pack_value
from glowback_trio.compute.verification.differences import result_differences
from glowback_trio.data import Catalogue
from glowback_trio.engine import Simulation
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.model.result import Result
from glowback_trio.store import MemoryStore, Store
from glowback_trio.store.sizes import result_bytes
from glowback_trio.wire.exports.packed_result import pack_result

REQUEST = BacktestRequest(
    symbols=("AAPL", "SPY"),
    start_date="2010-01-01",
    end_date="2012-12-31",
    strategy=MaCrossover(short_period=2, long_period=5),
)
FIELDS = [each for each in attrs.fields(Result) if each.init]


def made(result: Result) -> set[str]:
    """Return the names of the parts that a result has, without asking for any."""
    parts = set()
    for name in ("trades", "orders"):
        try:
            object.__getattribute__(result, name)
        except AttributeError:
            continue
        parts.add(name)
    return parts


def simulated() -> Result:
    simulation = Simulation(REQUEST, Catalogue().load(REQUEST))
    simulation.run()
    return simulation.result()


def whole(result: Result) -> Result:
    """Return the same result with its parts given."""
    return Result(**{each.name: getattr(result, each.name) for each in FIELDS})


@pytest.mark.parametrize("store", ["memory", "disk"])
async def test_a_summary_makes_neither_fills_nor_orders(store: str, tmp_path: Path) -> None:
    kept: Store = SqliteStore(tmp_path / "runs.sqlite") if store == "disk" else MemoryStore()
    async with open_gateway(store=kept, compute=ProcessCompute(1)) as gateway:
        run = gateway.submit(REQUEST)
        await run.wait_finished()
        result = await run.load_result()
        document = result_document(result, run.run_id, include={"metrics_summary"})
        assert document["metrics_summary"]["total_trades"] > 0
        # What was read back from a file has all of it at once.
        if result.happened is not None:
            assert made(result) == set()
        assert len(result.trades) == document["metrics_summary"]["total_trades"]


def test_a_part_is_made_once_and_the_other_one_not_with_it() -> None:
    result = simulated()
    assert made(result) == set()
    assert result.trades is result.trades
    assert made(result) == {"trades"}


def test_a_pickle_holds_what_the_parts_are_made_from_and_leads_to_the_same() -> None:
    result = simulated()
    packed, before = pack_result(result), sum(len(bytes(each)) for each in pack_value(result))
    assert made(result) == set()
    again = pickle.loads(pickle.dumps(result))
    assert made(again) == set()
    assert pack_result(again) == packed
    assert list(result_differences(result, again)) == []
    # Whoever has asked for the parts sends no more.
    assert sum(len(bytes(each)) for each in pack_value(result)) == before
    assert before < sum(len(bytes(each)) for each in pack_value(whole(result)))


def test_memory_is_counted_as_if_the_parts_were_there() -> None:
    result = simulated()
    before = result_bytes(result)
    assert before == result_bytes(result) == result_bytes(whole(result))


def test_a_name_that_is_no_part_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fills'"):
        getattr(simulated(), "fi" + "lls")


def test_a_result_with_its_parts_pickles_with_them() -> None:
    result = small_result()
    assert made(pickle.loads(pickle.dumps(result))) == {"trades", "orders"}
