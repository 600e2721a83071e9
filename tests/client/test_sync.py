"""The blocking client: the server runs in a thread of its own, and the calls block the test."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
import trio
import trio.testing
from anyio.from_thread import start_blocking_portal
from attrs import evolve
from support.served import TWO_YEARS, serving_on

from glowback_trio import BacktestRequest, State, assert_sound, demo_path, open_gateway
from glowback_trio import Stream as StreamOptions
from glowback_trio.client import Retry
from glowback_trio.client.sync import SyncClient, connect
from glowback_trio.errors import (
    InvalidRequestError,
    NotReadyError,
    UnknownRunError,
    UnreachableError,
)

FOREVER = StreamOptions(pace_bars_per_s=0.001)


def request_with(stream: StreamOptions | None = None) -> BacktestRequest:
    return evolve(TWO_YEARS, stream=stream or StreamOptions())


async def _serve(task_status: trio.TaskStatus[str]) -> None:
    async with open_gateway(data=demo_path()) as gateway, trio.open_nursery() as nursery:
        task_status.started(await serving_on(gateway, nursery, log_level="ERROR")())
        await trio.sleep_forever()


@pytest.fixture
def url() -> Iterator[str]:
    with start_blocking_portal("trio") as portal:
        task, served = portal.start_task(_serve)
        yield served
        task.cancel()


@pytest.fixture
def client(url: str) -> Iterator[SyncClient]:
    with connect(url) as opened:
        yield opened


def test_a_run_from_its_submission_to_its_result(client: SyncClient) -> None:
    run_id = client.submit(request_with(), idempotency_key="once").run_id
    events = list(client.stream(run_id))
    assert_sound(events)
    assert client.status(run_id).state is State.COMPLETED
    assert client.results(run_id)["run_id"] == run_id
    assert [status.run_id for status in client.list(state="completed")] == [run_id]
    assert [e.type for e in client.stream(run_id, types=["trade"])][-1] == "state"
    assert list(client.stream(run_id, after=3)) == events[3:]
    assert client.edit(run_id, name="First", tags=["a"], note="n").tags == ("a",)
    assert [status.name for status in client.list(tag="a", q="first", symbol="AAPL")] == ["First"]
    assert client.list(strategy="rsi", since="2199-01-01") == []
    client.delete(run_id)
    assert client.list() == []


def test_a_client_says_that_its_block_has_ended(url: str) -> None:
    with connect(url) as client:
        run_id = client.submit(request_with()).run_id
    for call in (client.list, lambda: client.status(run_id), lambda: next(client.stream(run_id))):
        with pytest.raises(RuntimeError, match="the `with` block of the client has ended"):
            call()


def test_strategies_and_datasets_can_be_listed(client: SyncClient) -> None:
    assert "rsi" in [strategy["name"] for strategy in client.strategies()]
    assert "AAPL" in [dataset["symbol"] for dataset in client.datasets()]


def test_errors_are_those_of_the_trio_client(client: SyncClient) -> None:
    run_id = client.submit(request_with(FOREVER)).run_id
    with pytest.raises(NotReadyError):
        client.results(run_id)
    with pytest.raises(InvalidRequestError):
        client.list(limit=0)
    with pytest.raises(UnknownRunError):
        next(iter(client.stream("no-such-run")))
    assert client.pause(run_id).paused
    assert not client.resume(run_id).paused
    client.cancel(run_id)
    assert list(client.stream(run_id))[-1].payload["state"] == "cancelled"


def test_an_absent_server_is_unreachable() -> None:
    lost: list[str] = []
    with connect("http://127.0.0.1:1") as client:
        with pytest.raises(UnreachableError):
            client.list()
        with pytest.raises(UnreachableError):
            list(client.stream("r", retry_for=0.001, on_retry=lambda retry: lost.append(retry.why)))
    assert len(lost) == 1


def test_a_url_of_no_server_is_refused_at_once() -> None:
    with pytest.raises(InvalidRequestError, match="url"), connect("nowhere"):
        pass


def test_streams_that_are_not_read_to_their_end_end_with_the_client(url: str) -> None:
    with connect(url) as client:
        run_id = client.submit(request_with(FOREVER)).run_id
        left = client.stream(run_id)
        assert next(left).event_id == 1
        for event in client.stream(run_id):
            assert event.event_id == 1
            break
    left.close()  # the client has ended, and the stream with it


def _fail_within(url: str) -> None:
    with connect(url) as client:
        client.list()
        raise ZeroDivisionError


def test_the_thread_ends_with_the_block_even_when_it_fails(url: str) -> None:
    before = threading.enumerate()
    with pytest.raises(ZeroDivisionError):
        _fail_within(url)
    assert threading.enumerate() == before


class Interrupt:
    """Presses Ctrl-C once while the main thread waits; a second one would stop the clean-up."""

    pressed = False

    def __call__(self, _retry: Retry) -> None:
        main = threading.main_thread().ident
        assert main is not None
        if not self.pressed:
            self.pressed = True
            signal.pthread_kill(main, signal.SIGINT)


async def _tasks_at_rest() -> int:
    await trio.testing.wait_all_tasks_blocked()
    return trio.lowlevel.current_statistics().tasks_living


def test_an_interrupt_ends_the_wait_and_not_the_client() -> None:
    with connect("http://127.0.0.1:1") as client:
        before = client._portal.call(_tasks_at_rest)
        for _ in range(20):  # it comes now here, now there
            with pytest.raises(KeyboardInterrupt):
                list(client.stream("r", retry_for=float("inf"), on_retry=Interrupt()))
            assert client._portal.call(_tasks_at_rest) == before
        with pytest.raises(UnreachableError):
            client.list()
