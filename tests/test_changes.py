"""A change that forgets one of its files fails here.

Doctrine: docs/architecture.md lists, for each usual kind of change, the files to touch. Where types
or other tests do not hold such a list already, a test here compares the places that must agree.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, get_args, get_type_hints

import pytest
from support.pages import page, rows_under

import glowback_trio
from glowback_trio import compute, store
from glowback_trio.engine.reporting import event_drafts
from glowback_trio.engine.traders import context
from glowback_trio.model.events import EVENT_TYPES
from glowback_trio.model.orders import Kind
from glowback_trio.model.strategies.api import Context
from glowback_trio.server.openapi.documents import EquityRow, ExposureRow, OrderEvent, Trade
from glowback_trio.server.openapi.event_documents import EventDocument
from glowback_trio.store import postgres, sqlite

ENGINE, STREAMS, STRATEGIES = (
    page(f"docs/{name}.md") for name in ("engine", "streams", "strategies")
)


def implementations(package: Any, method: str) -> set[str]:
    """Names of the public classes of a package that have a method, protocols left out."""
    found = {name: getattr(package, name) for name in package.__all__}
    return {
        name
        for name, each in found.items()
        if hasattr(each, method) and not getattr(each, "_is_protocol", False)
    }


def test_an_event_type_is_ordered_within_a_bar() -> None:
    assert {"state", *event_drafts._IN_A_BAR} == set(EVENT_TYPES)


def test_an_event_type_is_in_the_description_of_the_api() -> None:
    described = [get_args(get_type_hints(each)["type"]) for each in get_args(EventDocument)]
    assert {name for (name,) in described} == set(EVENT_TYPES)


def test_an_event_type_is_in_the_page_on_streams() -> None:
    listed = [row[0].strip("`") for row in rows_under(STREAMS, "Events")]
    assert listed[: len(EVENT_TYPES)] == list(EVENT_TYPES)


def test_an_order_type_is_in_the_page_on_the_engine() -> None:
    rows = [row[0] for row in rows_under(ENGINE, "Orders") if len(row) == 3]
    assert {re.sub(r"\W", "_", name) for name in rows} == set(get_args(Kind))


def test_an_order_type_can_be_ordered() -> None:
    assert set(context._KINDS.values()) == set(get_args(Kind))


@pytest.mark.parametrize(
    ("block", "row"),
    [
        ("equity_curve", EquityRow),
        ("exposures", ExposureRow),
        ("trades", Trade),
        ("order_events", OrderEvent),
    ],
)
def test_a_field_of_a_row_is_in_the_page_on_the_engine(block: str, row: type) -> None:
    (described,) = [
        cells[1] for cells in rows_under(ENGINE, "The result") if f"`{block}`" in cells[0]
    ]
    assert set(row.__annotations__) - set(re.findall(r"`(\w+)`", described)) == set()


METHODS = [name for name, method in vars(Context).items() if inspect.isfunction(method)]


@pytest.mark.parametrize("name", [name for name in METHODS if not name.startswith("_")])
def test_a_strategy_may_call_its_context_as_the_protocol_says(name: str) -> None:
    promised, kept = getattr(Context, name), getattr(context.BrokerContext, name)
    assert inspect.signature(promised) == inspect.signature(kept)


def test_a_parameter_of_an_order_is_in_the_page_on_strategies() -> None:
    rows = rows_under(STRATEGIES, "Called at every bar")
    (call,) = [row[0].strip("`") for row in rows if row[0].startswith("`order(")]
    expected = [name for name in inspect.signature(Context.order).parameters if name != "self"]
    assert re.findall(r"\w+", call)[1:] == expected


def test_a_store_is_held_to_the_suite_of_stores() -> None:
    suite = page("tests/store/test_conformance.py")
    stores = set[str]()
    for package in store, sqlite, postgres:
        stores |= implementations(package, "open_log")
    assert stores >= {"MemoryStore", "SqliteStore", "PostgresStore"}
    assert {name for name in stores if name not in suite} == set()
    assert stores <= set(glowback_trio.__all__)


def test_a_compute_backend_is_held_to_the_tests_of_all() -> None:
    suite = page("tests/compute/test_compute.py").partition("COMPUTES")[2].partition("]\n")[0]
    computes = implementations(compute, "run_job")
    assert computes >= {"InlineCompute", "ThreadCompute"}
    # A backend that needs a cluster has the same cases in a session of its own.
    on_ray = page("tests/extended/on_ray/logs.py") + page("tests/extended/on_ray/jobs.py")
    assert "RayCompute(" in on_ray
    assert {name for name in computes - {"RayCompute"} if name not in suite} == set()
    assert computes <= set(glowback_trio.__all__)
