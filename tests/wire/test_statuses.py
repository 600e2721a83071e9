"""A status survives the wire: what the server writes, the client reads back as an equal value.

Rule: property tests over all statuses; unknown fields are ignored, invalid ones named.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.instant import start_instant
from glowback_trio.model.lifecycle import Headline, State, Status
from glowback_trio.wire.statuses import parse_status, status_document

QUEUED = Status(
    run_id="r",
    state=State.QUEUED,
    created_at=start_instant("2024-01-02T03:04:05.678901Z"),
    strategy="rsi",
    symbols=("A", "B"),
)
TIMES = st.none() | st.datetimes().map(lambda time: start_instant(time.replace(year=2024)))
FIGURES = st.none() | st.floats(allow_nan=False, allow_infinity=False)

CHANGES = st.fixed_dictionaries(
    {
        "state": st.sampled_from(State),
        "progress": st.floats(0, 1),
        "started_at": TIMES,
        "finished_at": TIMES,
        "error": st.none() | st.text(),
        "paused": st.booleans(),
        "name": st.text(),
        "tags": st.lists(st.text()).map(tuple),
        "note": st.text(),
        "metrics": st.none() | st.builds(Headline, *[FIGURES] * 3, st.none() | st.integers(0, 99)),
    }
)


@given(changes=CHANGES)
def test_a_status_written_and_read_again_is_equal(changes: Any) -> None:
    status = evolve(QUEUED, **changes)
    assert parse_status(status_document(status)) == status


def test_unknown_fields_of_a_newer_server_are_ignored() -> None:
    assert parse_status({**status_document(QUEUED), "mood": "good"}) == QUEUED
    told = evolve(QUEUED, metrics=Headline(1.5, None, 2.0, 3))
    document = status_document(told)
    document["metrics"]["omega"] = 1.0
    assert parse_status(document) == told


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"state": "paused"}, ("state",)),
        ({"state": ["queued"]}, ("state",)),
        ({"created_at": "yesterday"}, ("created_at",)),
        ({"created_at": None}, ("created_at",)),
        ({"symbols": "A"}, ("symbols",)),
        ({"progress": "0.5"}, ("progress",)),
        ({"run_id": 7}, ("run_id",)),
    ],
)
def test_an_invalid_status_is_reported_by_field(change: Any, path: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_status({**status_document(QUEUED), **change})
    (problem,) = caught.value.problems
    assert problem.path == path


@pytest.mark.parametrize("document", [None, [], "status", 7])
def test_a_status_that_is_not_an_object_is_refused(document: object) -> None:
    with pytest.raises(InvalidRequestError, match="object"):
        parse_status(document)


def test_a_status_is_written_as_the_contract_has_it() -> None:
    status = Status(
        run_id="r",
        state=State.QUEUED,
        created_at=start_instant("2024-01-01T00:00:00Z"),
        strategy="rsi",
        symbols=("A",),
    )
    assert status_document(status) == {
        "run_id": "r",
        "state": "queued",
        "progress": 0.0,
        "created_at": "2024-01-01T00:00:00.000000Z",
        "started_at": None,
        "finished_at": None,
        "error": None,
        "strategy": "rsi",
        "symbols": ["A"],
        "event_count": 1,
        "paused": False,
        "name": "",
        "tags": [],
        "note": "",
        "metrics": None,
        "pace_bars_per_s": None,
    }
