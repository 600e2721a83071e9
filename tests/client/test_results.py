"""Results through both clients: in part, downsampled, and as files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import httpx2
import orjson
import pytest
import trio
from anyio.from_thread import start_blocking_portal
from attrs import evolve
from support.results import without_overfit as cut
from support.served import Serve, completed, serving_on

from glowback_trio import BacktestRequest, Run, Stream, demo_path, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.client import Client, open_client
from glowback_trio.client.files import FILES, File
from glowback_trio.client.optimization import TrialFile
from glowback_trio.client.sync import connect
from glowback_trio.engine.reporting.result_document import result_chunks, result_document
from glowback_trio.errors import (
    InvalidRequestError,
    NotReadyError,
    RunCancelledError,
    ServerRefusedError,
    UnknownRunError,
    UnreachableError,
)
from glowback_trio.server.routes.results import FORMS
from glowback_trio.server.routes.table import ROUTES
from glowback_trio.wire.json_text import dumps


@pytest.fixture
async def run(gateway: Gateway, backtest: BacktestRequest) -> Run:
    """A run that has completed."""
    submitted = gateway.submit(backtest)
    await submitted.wait_finished()
    return submitted


def parsed(run: Run, **wanted: Any) -> object:
    return orjson.loads(dumps(result_document(run.result(), run.run_id, **wanted)))


def without_overfit(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of a response is the result: `overfit` depends on what others have tried."""
    assert "overfit" in result
    return {name: value for name, value in result.items() if name != "overfit"}


async def received(client: Client, run: Run, **wanted: Any) -> Mapping[str, Any]:
    return without_overfit(await client.results(run.run_id, **wanted))


async def test_a_result_is_fetched_in_part_and_downsampled(client: Client, run: Run) -> None:
    wanted: dict[str, Any] = {"include": ["equity_curve", "trades"], "max_points": 20}
    assert await received(client, run, **wanted) == parsed(run, **wanted)
    assert await received(client, run, include=("logs",)) == parsed(run, include=["logs"])
    assert await received(client, run, max_points=12) == parsed(run, max_points=12)


async def test_wrong_parameters_of_a_result_are_refused(client: Client, run: Run) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await client.results(run.run_id, include=["trades", "tears"], max_points=3)
    paths = [problem.path for problem in caught.value.problems]
    assert sorted(paths, key=str) == [("include", 1), ("max_points",)]


async def test_a_result_is_downloaded_as_the_server_wrote_it(client: Client, run: Run) -> None:
    every: list[dict[str, Any]] = [{}, {"include": ["trades"]}, {"max_points": 12}]
    for wanted in every:
        file = io.BytesIO()
        await client.download(run.run_id, file.write, **wanted)
        assert cut(file.getvalue()) == b"".join(result_chunks(run.result(), run.run_id, **wanted))


async def test_every_table_is_downloaded(client: Client, run: Run) -> None:
    for name in FILES:
        file = io.BytesIO()
        await client.download(run.run_id, file.write, name)
        assert len(file.getvalue()) > 100, name


def test_there_are_as_many_files_as_the_server_has() -> None:
    paths = [route.path for route in ROUTES if route.path.endswith(".{form}")]
    for kind, files in (("/backtests/", FILES), ("/optimizations/", get_args(TrialFile))):
        named = [path.rpartition("/")[2] for path in paths if path.startswith(kind)]
        tables = [name for name in named if not name.startswith("report.")]
        assert set(files) == {"results"} | {table.format(form=f) for table in tables for f in FORMS}


async def test_an_unknown_file_is_refused_before_anything_is_sent() -> None:
    async with open_client("http://127.0.0.1:1") as client:
        with pytest.raises(InvalidRequestError, match=r"file: Input should be 'results', 'equity"):
            await client.download("run", print, "../equity.csv")  # type: ignore[arg-type]  # wrong
        with pytest.raises(InvalidRequestError) as caught:
            await client.download("run", print, "trades.csv", include=["trades"], max_points=50)
        assert [problem.path for problem in caught.value.problems] == [
            ("include",),
            ("max_points",),
        ]


async def test_a_download_without_a_result_says_why(
    client: Client, gateway: Gateway, backtest: BacktestRequest, serve_with: Serve
) -> None:
    run = gateway.submit(evolve(backtest, stream=Stream(pace_bars_per_s=0.001)))
    files: list[File] = ["results", "equity.csv"]
    for file in files:
        with pytest.raises(UnknownRunError):
            await client.download("no-such-run", print, file)
        with pytest.raises(NotReadyError):
            await client.download(run.run_id, print, file)
    run.cancel("enough")
    await run.wait_finished()
    with pytest.raises(RunCancelledError, match="enough"):
        await client.download(run.run_id, print)
    async with open_client(await serve_with(api_keys=("right",)), "wrong") as stranger:
        with pytest.raises(ServerRefusedError, match="401"):
            await stranger.download(run.run_id, print)
    with pytest.raises(UnreachableError):
        async with open_client("http://127.0.0.1:1") as absent:
            await absent.download(run.run_id, print)


class Breaking(httpx2.AsyncByteStream):
    """A body that ends before its announced length."""

    async def __aiter__(self) -> Any:
        yield b"half of"
        raise httpx2.RemoteProtocolError("the peer closed the connection")


async def test_a_truncated_download_is_an_error() -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, stream=Breaking())

    transport, chunks = httpx2.MockTransport(answer), list[bytes]()
    async with open_client(transport=transport) as client:
        with pytest.raises(UnreachableError, match="closed the connection"):
            await client.download("run", chunks.append)
    assert chunks == [b"half of"]


# The HTTP library leaves a generator behind if a response is not read to its end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_error_of_the_writer_ends_the_download(client: Client, run: Run) -> None:
    def full(_: bytes) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk"):
        await client.download(run.run_id, full)
    assert (await client.status(run.run_id)).finished


async def _serve(request: BacktestRequest, task_status: trio.TaskStatus[tuple[str, str]]) -> None:
    async with open_gateway(data=demo_path()) as gateway, trio.open_nursery() as nursery:
        run = await completed(gateway, request)
        url = await serving_on(gateway, nursery, log_level="ERROR")()
        task_status.started((url, run.run_id))
        await trio.sleep_forever()


@pytest.fixture
def served(backtest: BacktestRequest) -> Iterator[tuple[str, str]]:
    """A server in a thread of its own, with a completed run."""
    with start_blocking_portal("trio") as portal:
        task, (url, run_id) = portal.start_task(_serve, backtest)
        yield url, run_id
        task.cancel()


def test_the_blocking_client_downloads_too(served: tuple[str, str]) -> None:
    url, run_id = served
    with connect(url) as client:
        part = client.results(run_id, include=["exposures"], max_points=30)
        assert part["equity_curve"] == []
        assert 12 <= len(part["exposures"]) <= 30
        lines = io.BytesIO()
        client.download(run_id, lines.write, "trades.ndjson")
        trades = [orjson.loads(line) for line in lines.getvalue().splitlines()]
        assert trades == client.results(run_id, include=["trades"])["trades"]
