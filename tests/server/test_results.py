"""Results over HTTP: in part, downsampled, and table by table.

Rule: every form of a result is compared with the whole result.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import orjson
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types
import pytest
from attrs import evolve
from quart.typing import TestClientProtocol as Client
from support.backends import SERVED_STORES

from glowback_trio import MaCrossover, Run
from glowback_trio.actors import Gateway
from glowback_trio.engine.reporting.result_document import BLOCKS
from glowback_trio.server.openapi.document import openapi_document
from glowback_trio.server.routes.table import ROUTES
from glowback_trio.store import Store

BOTH = pytest.mark.parametrize("prefix", ["", "/v1"])
TABLES = {"equity": "equity_curve", "trades": "trades", "orders": "order_events"}
EACH_TABLE = pytest.mark.parametrize("table", TABLES)
FORMS = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


async def fetch(client: Client, path: str) -> bytes:
    response = await client.get(path)
    assert response.status_code == 200
    return bytes(await response.get_data(as_text=False))


async def results(client: Client, run: Run, **query: Any) -> dict[str, Any]:
    response = await client.get(f"/v1/backtests/{run.run_id}/results", query_string=query)
    assert response.status_code == 200, await response.get_data()
    document: dict[str, Any] = await response.get_json()
    return document


@pytest.fixture(params=SERVED_STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return SERVED_STORES[request.param]()


async def test_blocks_that_are_not_included_are_empty(client: Client, finished: Run) -> None:
    whole = await results(client, finished)
    part = await results(client, finished, include="trades, metrics_summary")
    for name in BLOCKS:
        included = name in ("trades", "metrics_summary")
        assert part[name] == (whole[name] if included else type(whole[name])())
    assert part["run_id"] == finished.run_id
    assert part["final_cash"] == whole["final_cash"]


async def test_overfit_says_how_often_anyone_has_looked(
    client: Client, gateway: Gateway, finished: Run
) -> None:
    first = (await results(client, finished))["overfit"]
    assert (first["trials"], first["ledger_head"]) == (1, await gateway.ledger.head())
    assert first["deflated_sharpe_ratio"] == first["probabilistic_sharpe_ratio"]
    for position in (0.5, 0.7):
        strategy = MaCrossover(short_period=3, long_period=8, position_size=position)
        other = gateway.submit(evolve(finished.request, strategy=strategy))
        await other.wait_finished()
    again = (await results(client, finished))["overfit"]
    assert (again["trials"], again["ledger_head"]) == (3, await gateway.ledger.head())
    assert again["probabilistic_sharpe_ratio"] == first["probabilistic_sharpe_ratio"]
    assert again["deflated_sharpe_ratio"] < first["deflated_sharpe_ratio"]
    assert (await results(client, finished, include="trades"))["overfit"] == {}
    only = await results(client, finished, include="overfit")
    assert (only["overfit"], only["trades"]) == (again, [])


async def test_curves_are_thinned_to_rows_of_their_own(client: Client, finished: Run) -> None:
    whole = await results(client, finished)
    part = await results(client, finished, include="equity_curve", max_points=20)
    assert part["trades"] == part["exposures"] == []
    assert len(part["equity_curve"]) <= 20 < len(whole["equity_curve"])
    assert part["equity_curve"][-1] == whole["equity_curve"][-1]
    assert all(row in whole["equity_curve"] for row in part["equity_curve"])


async def test_an_unknown_block_is_refused_with_those_there_are(
    client: Client, finished: Run
) -> None:
    response = await client.get(f"/backtests/{finished.run_id}/results?include=trades,tears")
    assert response.status_code == 422
    (complaint,) = (await response.get_json())["detail"]
    assert complaint["loc"] == ["query", "include", 1]
    assert complaint["input"] == "tears"
    assert all(f"'{name}'" in complaint["msg"] for name in BLOCKS)


@pytest.mark.parametrize("given", ["11", "100001", "many", "12.5", ""])
async def test_how_many_points_is_bounded(client: Client, finished: Run, given: str) -> None:
    response = await client.get(f"/backtests/{finished.run_id}/results?max_points={given}")
    assert response.status_code == 422
    (complaint,) = (await response.get_json())["detail"]
    assert complaint["loc"] == ["query", "max_points"]


async def test_an_empty_include_is_refused(client: Client, finished: Run) -> None:
    response = await client.get(f"/backtests/{finished.run_id}/results?include=")
    assert response.status_code == 422


@BOTH
@EACH_TABLE
@pytest.mark.parametrize("form", FORMS)
async def test_a_table_is_a_file_with_a_name_and_a_type(
    client: Client, finished: Run, prefix: str, table: str, form: str
) -> None:
    response = await client.get(f"{prefix}/backtests/{finished.run_id}/{table}.{form}")
    assert response.status_code == 200
    assert response.content_type == FORMS[form]
    named = response.headers["Content-Disposition"]
    assert named == f"attachment; filename={table}-{finished.run_id}.{form}"
    promised = openapi_document(ROUTES)["paths"]
    described = promised[f"{prefix}/backtests/{{run_id}}/{table}.{{form}}"]["get"]
    assert set(described["responses"]["200"]["content"]) == set(FORMS.values())
    assert described["parameters"][1]["schema"]["enum"] == list(FORMS)


@EACH_TABLE
async def test_a_line_is_the_row_of_the_result(client: Client, finished: Run, table: str) -> None:
    whole = await fetch(client, f"/backtests/{finished.run_id}/results")
    lines = await fetch(client, f"/backtests/{finished.run_id}/{table}.ndjson")
    array = b"[%b]" % b",".join(lines.splitlines())
    assert lines.endswith(b"}\n")
    assert b'"%b":%b' % (TABLES[table].encode(), array) in whole


@EACH_TABLE
async def test_csv_gives_the_numbers_back_exactly(
    client: Client, finished: Run, table: str
) -> None:
    rows = (await results(client, finished))[TABLES[table]]
    text = await fetch(client, f"/backtests/{finished.run_id}/{table}.csv")
    read = list(csv.DictReader(io.StringIO(text.decode())))
    assert len(read) == len(rows) > 3
    for row, line in zip(rows, read, strict=True):
        assert list(line) == list(row)
        assert line == {
            name: "" if value is None else line[name] if isinstance(value, float) else value
            for name, value in row.items()
        }
        numbers = {name: value for name, value in row.items() if isinstance(value, float)}
        assert {name: float(line[name]) for name in numbers} == numbers


@EACH_TABLE
async def test_parquet_has_times_numbers_and_nulls(
    client: Client, finished: Run, table: str
) -> None:
    rows = (await results(client, finished))[TABLES[table]]
    file = await fetch(client, f"/backtests/{finished.run_id}/{table}.parquet")
    read = pq.read_table(io.BytesIO(file))
    assert str(read.schema.field("timestamp").type) == "timestamp[ns, tz=UTC]"
    stamps = [moment.isoformat() for moment in read["timestamp"].to_pylist()]
    assert stamps == [row["timestamp"] for row in rows]
    for name in rows[0]:
        if name != "timestamp":
            assert read[name].to_pylist() == [row[name] for row in rows]


def test_without_pyarrow_parquet_says_what_to_install() -> None:
    script = """if True:
        import importlib.util, trio
        found = importlib.util.find_spec
        importlib.util.find_spec = lambda name: None if name == "pyarrow" else found(name)
        from glowback_trio import BacktestRequest, open_gateway
        from glowback_trio.server import create_app
        async def main():
            async with open_gateway() as gateway:
                run = gateway.submit(BacktestRequest(
                    symbols=["A"], start_date="2024-01-01", end_date="2024-02-01"))
                await run.wait_finished()
                client = create_app(gateway).test_client()
                for form in ("parquet", "csv"):
                    answer = await client.get(f"/v1/backtests/{run.run_id}/equity.{form}")
                    print(answer.status_code, (await answer.get_data()).splitlines()[0].decode())
        trio.run(main)
    """
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    refused, given = ended.stdout.splitlines()
    status, _, body = refused.partition(" ")
    assert status == "501"
    error = orjson.loads(body)["error"]
    assert error["code"] == "unavailable"
    assert "pip install pyarrow" in error["message"]
    assert given.startswith("200 timestamp,value")


@EACH_TABLE
async def test_a_table_that_is_not_there_is_404(
    client: Client, finished: Run, endless: Run, table: str
) -> None:
    for path in (
        f"/backtests/nobody/{table}.csv",
        f"/backtests/{finished.run_id}/{table}.xls",
        f"/backtests/{finished.run_id}/{table}",
        f"/backtests/{finished.run_id}/{table}.csv.gz",
    ):
        assert (await client.get(path)).status_code == 404, path
    waiting = await client.get(f"/backtests/{endless.run_id}/{table}.csv")
    assert waiting.status_code == 409
    assert await waiting.get_json() == {"detail": "Results not ready"}


async def test_a_table_without_rows_is_a_head_or_nothing(
    client: Client, submit: Callable[..., Run]
) -> None:
    run = submit(strategy={"name": "rsi", "params": {"lookback_period": 60}})
    await run.wait_finished()
    assert len((await run.load_result()).trades) == 0
    path = f"/backtests/{run.run_id}/trades"
    bodies = {form: await fetch(client, f"{path}.{form}") for form in FORMS}
    assert bodies["csv"].startswith(b"timestamp,symbol,action")
    assert bodies["csv"].count(b"\n") == 1
    assert bodies["ndjson"] == b""
    assert pq.read_table(io.BytesIO(bodies["parquet"])).num_rows == 0


@pytest.mark.parametrize("tail", ["results", "results?include=logs", "equity.csv", "trades.ndjson"])
async def test_a_short_answer_says_how_long_it_is_to_head_as_well(
    http: httpx2.AsyncClient, finished: Run, tail: str
) -> None:
    path = f"/backtests/{finished.run_id}/{tail}"
    got, head = await http.get(path), await http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(got.content)
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


async def test_head_of_a_long_answer_has_the_length_of_get(
    http: httpx2.AsyncClient, submit: Callable[..., Run]
) -> None:
    run = submit(start_date="2000-01-01", end_date="2020-12-31")
    await run.wait_finished()
    for tail in ("results", "equity.csv"):
        head = await http.head(f"/backtests/{run.run_id}/{tail}")
        assert (head.status_code, head.content) == (200, b"")
        got = await http.get(f"/backtests/{run.run_id}/{tail}")
        assert int(head.headers["Content-Length"]) == len(got.content) > 100_000
