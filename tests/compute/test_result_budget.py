"""The budget of a result: a run that trades too much fails before its result exists.

Doctrine: what the budget counts is compared with the arrays of the result that comes of it.
"""

from __future__ import annotations

import pytest

from glowback_trio import BacktestRequest
from glowback_trio.compute import BacktestJob, Done, Failed, Progressed
from glowback_trio.data import open_source
from glowback_trio.store.sizes import result_bytes
from glowback_trio.wire.requests import parse_request

BODY = {"symbols": ["A", "B", "C"], "start_date": "2020-01-01", "end_date": "2020-12-31"}
REQUESTS = {
    "few fills": BODY | {"strategy": {"name": "buy_and_hold"}},
    "many fills": BODY
    | {"strategy": {"name": "ma_crossover", "params": {"short_period": 1, "long_period": 2}}},
    "weights": BODY
    | {
        "portfolio_construction": {
            "target_weights": {"A": 0.5, "B": 0.3, "C": 0.2},
            "rebalance_frequency": "daily",
        },
    },
}


@pytest.fixture(params=REQUESTS)
def request_(request: pytest.FixtureRequest) -> BacktestRequest:
    return parse_request(REQUESTS[request.param])


def test_what_is_counted_is_what_the_result_takes_at_most(request_: BacktestRequest) -> None:
    *slices, last = BacktestJob(request_, open_source(None)).steps(lambda: None)
    assert isinstance(last, Done)
    counted = max(step.result_bytes for step in slices if isinstance(step, Progressed))
    assert counted / 3 < result_bytes(last.result) <= counted


def test_beyond_its_budget_a_run_fails_by_the_name_of_the_setting(
    request_: BacktestRequest,
) -> None:
    job = BacktestJob(request_, open_source(None), max_result_bytes=20_000)
    *_, last = job.steps(lambda: None)
    assert last == Failed(
        "The run's result takes more than the 20,000 bytes that one result may have "
        "(GLOWBACK_MAX_RESULT_BYTES); ask for fewer bars or symbols, or trade less"
    )
