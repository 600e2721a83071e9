"""What clients are told by a server whose gateway stood still for longer than its lease.

Doctrine: two gateways on the model of a database, in virtual time. One stands still while a request
waits until its run is stored, and the other one cuts it off.
"""

from __future__ import annotations

import pytest
import trio
from support.backends import in_virtual_time
from support.cluster_rounds import in_the_loop
from support.model_database import ModelDatabase
from support.model_store import ModelStore

from glowback_trio import InlineCompute, open_gateway
from glowback_trio.errors import StoreError
from glowback_trio.server import Settings, create_app
from glowback_trio.server.app import make_app_state
from glowback_trio.server.routes.submission import submission_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.idempotency import FirstResponse
from glowback_trio.store.cluster import HeldElsewhereError
from glowback_trio.wire.converter import Converter, Document

REQUEST = {
    "symbols": ["AAPL"],
    "start_date": "2024-01-01",
    "end_date": "2024-02-15",
    "strategy": {"name": "buy_and_hold"},
}
_LEASE_OVER_S = 25


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio.to_thread, "run_sync", in_the_loop)  # virtual time waits for none


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once"}])
def test_a_run_that_was_not_stored_before_the_lease_ended_is_unavailable(
    headers: dict[str, str],
) -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        made = trio.Event()

        def new_id() -> str:
            """Stand still from the moment on at which the first run is made."""
            if made.is_set():
                return "one-2"
            one.link.stop()
            made.set()
            return "one-1"

        async with (
            open_gateway(store=one, compute=InlineCompute(), new_id=new_id) as here,
            open_gateway(store=two, compute=InlineCompute()),
            trio.open_nursery() as nursery,
        ):

            async def go_on() -> None:
                await made.wait()
                await trio.sleep(_LEASE_OVER_S)
                one.link.go_on()

            nursery.start_soon(go_on)
            client = create_app(here).test_client()
            response = await client.post("/v1/backtests", json=REQUEST, headers=headers)
            assert response.status_code == 503
            assert response.headers["Retry-After"]
            assert (await response.get_json())["error"]["code"] == "unavailable"
            await trio.sleep(5)
            again = await client.post("/v1/backtests", json=REQUEST, headers=headers)
            assert again.status_code == 201
            assert len(database.runs) == 1

    in_virtual_time(scenario)


class Taken:
    """What another gateway has taken before this one learned that it is stored."""

    path = "/taken"

    def read(self, document: object, _converter: Converter) -> object:
        return document

    def write(self, _requested: object) -> Document:
        return {}

    async def check(self, _app_state: AppState, _requested: object) -> str | None:
        return None

    def begin(self, *_all: object) -> FirstResponse:
        return FirstResponse("1", b"{}")

    async def find(self, *_all: object) -> None:
        return None

    def begun(self, _app_state: AppState, _identity: str) -> Taken:
        return self

    async def wait_stored(self) -> None:
        raise StoreError("The store cannot be written at the moment")

    def delete(self, _app_state: AppState, _identity: str) -> None:
        raise HeldElsewhereError("Another gateway holds it")


async def test_what_another_gateway_has_taken_meanwhile_is_unavailable_and_stays() -> None:
    async with open_gateway(compute=InlineCompute()) as gateway:
        app_state, app = make_app_state(gateway, Settings()), create_app(gateway)
        async with app.test_request_context("/taken", method="POST"):
            with pytest.raises(StoreError, match="cannot be written"):
                await submission_response(app_state, {}, Taken())
