"""Price files that are uploaded over HTTP.

Rule: a real directory is written, and what a client then reads is compared with what it sent; a
file that is refused leaves the directory as it was.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from quart.typing import TestClientProtocol as Client
from support.served import Serve

from glowback_trio import InlineCompute, demo_path, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.client import open_client
from glowback_trio.errors import InvalidRequestError, ServerRefusedError
from glowback_trio.server import Settings, create_app

pa: Any = pytest.importorskip("pyarrow")
pq: Any = pytest.importorskip("pyarrow.parquet")

CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
HEAD = "timestamp,open,high,low,close,volume\n"
DAYS = HEAD + "".join(f"2024-03-{day:02d},10,12,9,{9 + day / 10},100\n" for day in range(1, 21))
ODD = DAYS.replace(HEAD, "when,first,top,bottom,last one,pieces\n")
NAMES = "timestamp=when&open=first&high=top&low=bottom&close=last+one&volume=pieces"


def parquet(closes: list[float], **more: Any) -> bytes:
    days = len(closes)
    columns = {
        "Date": pa.array([f"2024-03-{day + 1:02d}" for day in range(days)]),
        "Open": pa.array([10.0] * days),
        "High": pa.array([12.0] * days),
        "Low": pa.array([9.0] * days),
        "Close": pa.array(closes),
        **more,
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    (tmp_path / "OLD_1d.csv").write_text(DAYS)
    return tmp_path


@pytest.fixture
async def gateway(prices: Path) -> AsyncIterator[Gateway]:
    async with open_gateway(data=prices, compute=InlineCompute()) as opened:
        yield opened


@pytest.fixture
def client(client_of: Callable[..., Client]) -> Client:
    return client_of(allow_upload=True)


async def sent(
    client: Client, path: str, body: str | bytes, status: int, kind: str = CSV, **more: str
) -> Any:
    data = body.encode() if isinstance(body, str) else body
    response = await client.post(path, data=data, headers={"Content-Type": kind, **more})
    document = await response.get_json()
    assert response.status_code == status, document
    return document


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("."))


async def test_an_uploaded_file_is_a_dataset_at_once(client: Client, prices: Path) -> None:
    assert [one["symbol"] for one in await (await client.get("/datasets")).get_json()].count(
        "NEW"
    ) == 0
    kept = await sent(client, f"/datasets?symbol=NEW&{NAMES}", ODD, 201)
    listed = await (await client.get("/datasets")).get_json()
    assert kept["dataset"] in listed
    assert (kept["dataset"]["symbol"], kept["dataset"]["rows"]) == ("NEW", 20)
    report = await (await client.get("/datasets/NEW/quality")).get_json()
    assert kept["report"] == report
    assert names_in(prices) == ["NEW_1d.csv", "OLD_1d.csv"]
    bars = await (await client.get("/datasets/NEW/bars")).get_json()
    assert [row[4] for row in bars["rows"]] == [9 + day / 10 for day in range(1, 21)]


async def test_a_run_trades_on_an_uploaded_file(client: Client, gateway: Gateway) -> None:
    file = parquet([9 + day / 10 for day in range(1, 21)])
    kept = await sent(client, "/datasets?symbol=BTC/USDT", file, 201, PARQUET)
    assert kept["dataset"]["source"] == "parquet"
    wanted = {"symbols": ["BTC/USDT"], "start_date": "2024-03-01", "end_date": "2024-03-20"}
    status = await (await client.post("/backtests", json=wanted)).get_json()
    run = gateway.run(status["run_id"])
    await run.wait_finished()
    assert run.status.state == "completed"


async def test_a_file_that_is_there_is_replaced_only_if_that_is_said(
    client: Client, prices: Path
) -> None:
    changed = DAYS.replace("2024-03-20", "2024-03-21")
    refused = await sent(client, "/datasets?symbol=OLD", changed, 409)
    assert refused["detail"] == "OLD_1d.csv is there already; replace=true replaces it"
    assert (prices / "OLD_1d.csv").read_text() == DAYS
    kept = await sent(client, "/datasets?symbol=OLD&replace=true", changed, 201)
    assert kept["dataset"]["last_bar"] == "2024-03-21T00:00:00Z"
    # It keeps the form that it has, so that there are never two files of the same bars.
    file = parquet([9.5, 10.0, 10.5])
    kept = await sent(client, "/datasets?symbol=OLD&replace=true", file, 201, PARQUET)
    assert (kept["dataset"]["source"], kept["dataset"]["rows"]) == ("csv", 3)
    assert names_in(prices) == ["OLD_1d.csv"]


async def test_a_file_of_another_name_that_may_hold_the_bars_is_never_replaced(
    client: Client, prices: Path
) -> None:
    (prices / "ANY.csv").write_text(DAYS)
    refused = await sent(client, "/datasets?symbol=ANY&replace=true", DAYS, 409)
    assert refused["detail"] == "ANY.csv may hold the same bars as ANY_1d.csv; move or delete it"


async def test_rows_out_of_order_are_sorted_and_reported(client: Client) -> None:
    head, *rows = DAYS.splitlines(keepends=True)
    kept = await sent(client, "/datasets?symbol=MIX", head + "".join([*rows[10:], *rows[:10]]), 201)
    assert kept["report"]["unsorted_rows"] == 10
    assert any("out of order" in warning for warning in kept["report"]["warnings"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "Field required"),
        ("  \n", "is empty"),
        (HEAD, "no rows"),
        (HEAD + "2024-01-01,nan,nan,nan,nan,1\n", "no row with prices"),
        (HEAD + "2024-01-01,1,2,1,nan,1\n", "expected a price"),
        (HEAD + "2024-01-01,1,2,1,inf,1\n", "expected a number"),
        (HEAD + "2024-01-01,1,2,1,x,1\n", "expected a number"),
        (HEAD + 2 * "2024-01-01,1,2,1,1,1\n", "with the timestamp of a later row"),
        (HEAD + "2024-01-01,1,0.5,1,1,1\n", "contradict each other"),
        (ODD, "say timestamp=NAME"),
        (
            "symbol," + HEAD + "A,2024-01-01,1,2,1,1,1\nB,2024-01-01,1,2,1,1,1\n",
            "an upload has one",
        ),
        ("<html>no</html>", "is a web page"),
    ],
)
async def test_prices_that_cannot_be_used_are_refused_in_a_sentence(
    client: Client, prices: Path, body: str, words: str
) -> None:
    refused = await sent(client, "/datasets?symbol=BAD", body, 422)
    (problem,) = refused["detail"]
    assert problem["loc"] == ["body"]
    assert words in problem["msg"]
    assert "--" not in problem["msg"]
    assert names_in(prices) == ["OLD_1d.csv"]


@pytest.mark.parametrize("symbol", ["../OUT", "/etc/x", "", "a..b", "%00", "x" * 33])
async def test_a_symbol_that_could_leave_the_directory_is_none(
    client: Client, prices: Path, symbol: str
) -> None:
    refused = await sent(client, f"/datasets?symbol={symbol}", DAYS, 422)
    assert refused["detail"][0]["loc"] == ["query", "symbol"]
    assert names_in(prices) == ["OLD_1d.csv"]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"\x1f\x8b\x08" + bytes(20), CSV, "uncompressed"),
        (b"PK\x03\x04" + bytes(20), CSV, "uncompressed"),
        (b"PAR1" + bytes(20), CSV, "not what text/csv says"),
        (DAYS.encode(), PARQUET, "not what application/vnd.apache.parquet says"),
        (DAYS.encode(), "application/json", "not 'application/json'"),
    ],
)
async def test_another_type_than_the_body_has_is_415(
    client: Client, body: bytes, kind: str, words: str
) -> None:
    for path in ("/datasets?symbol=NEW", "/datasets/preview"):
        assert words in (await sent(client, path, body, 415, kind))["detail"]


async def test_a_compressed_body_is_415(client: Client) -> None:
    await sent(client, "/datasets?symbol=NEW", DAYS, 415, **{"Content-Encoding": "gzip"})


async def test_a_file_that_is_larger_than_it_looks_is_refused(
    client_of: Callable[..., Client],
) -> None:
    file = parquet([10.0] * 20, text=pa.array(["x" * 100_000] * 20))
    client = client_of(allow_upload=True, max_upload_bytes=len(file))
    # Twenty prices take little, but the first rows of all columns would take megabytes.
    await sent(client, "/datasets?symbol=NEW", file, 201, PARQUET)
    many = parquet([10.0] * 20, text=pa.array([str(n) * 50_000 for n in range(20)]))
    client = client_of(allow_upload=True, max_upload_bytes=max(len(many), 1))
    refused = await sent(client, "/datasets/preview", many, 422, PARQUET)
    assert "max_file_bytes" in refused["detail"][0]["msg"]


async def test_a_file_beyond_the_limit_is_413_and_names_it(
    client_of: Callable[..., Client],
) -> None:
    client = client_of(allow_upload=True, max_upload_bytes=100)
    for path in ("/datasets?symbol=NEW", "/datasets/preview"):
        refused = await sent(client, path, DAYS, 413)
        assert "GLOWBACK_MAX_UPLOAD_BYTES allows at most 100 bytes" in refused["detail"]


async def test_uploads_are_off_unless_they_are_switched_on(
    client_of: Callable[..., Client], prices: Path
) -> None:
    for path in ("/datasets?symbol=NEW", "/datasets/preview"):
        refused = await sent(client_of(), path, DAYS, 403)
        assert "--allow-upload, or set GLOWBACK_ALLOW_UPLOAD=true" in refused["detail"]
    assert names_in(prices) == ["OLD_1d.csv"]


@pytest.mark.parametrize("data", [None, demo_path()])
async def test_the_shipped_prices_are_never_written(data: Path | None) -> None:
    before = names_in(demo_path())
    async with open_gateway(data=data, compute=InlineCompute()) as gateway:
        client = create_app(gateway, Settings(allow_upload=True)).test_client()
        for path in ("/datasets?symbol=NEW", "/datasets?symbol=SPY&replace=true"):
            assert "--data DIR" in (await sent(client, path, DAYS, 403))["detail"]
        await sent(client, "/datasets/preview", DAYS, 200)
    assert names_in(demo_path()) == before


async def test_a_preview_says_which_column_is_what(client: Client, prices: Path) -> None:
    seen = await sent(client, "/datasets/preview?symbol=NEW&resolution=day", DAYS, 200)
    assert (seen["format"], seen["problems"], len(seen["rows"])) == ("plain", [], 20)
    assert seen["mapping"] == {name: name for name in HEAD.strip().split(",")}
    odd = await sent(client, "/datasets/preview", ODD, 200)
    assert odd["format"] is None
    assert odd["columns"] == ["when", "first", "top", "bottom", "last one", "pieces"]
    assert odd["rows"][0] == ["2024-03-01", "10", "12", "9", "9.1", "100"]
    assert set(odd["mapping"].values()) == {None}
    assert "no column 'time'" in odd["problems"][0]
    binary = await sent(client, "/datasets/preview", parquet([9.5, 10.0]), 200, PARQUET)
    assert binary["columns"] == ["Date", "Open", "High", "Low", "Close"]
    assert binary["rows"][0] == ["2024-03-01", "10", "12", "9", "9.5"]
    assert (binary["mapping"]["close"], binary["mapping"]["volume"]) == ("Close", None)
    assert names_in(prices) == ["OLD_1d.csv"]


async def test_a_date_and_a_time_of_day_stay_one_time(client: Client) -> None:
    rows = "".join(f"2024-03-04,10:{minute:02d},1,2,1,1.5,7\n" for minute in range(10))
    body = "Date,Time,Open,High,Low,Close,Volume\n" + rows
    seen = await sent(client, "/datasets/preview", body, 200)
    given = "&".join(f"{role}={name}" for role, name in seen["mapping"].items())
    assert seen["mapping"]["timestamp"] == "Date"
    kept = await sent(client, f"/datasets?symbol=MIN&resolution=minute&{given}", body, 201)
    assert kept["dataset"]["last_bar"] == "2024-03-04T10:09:00Z"


async def test_the_client_uploads_a_file(serve_with: Serve, tmp_path: Path) -> None:
    url = await serve_with(allow_upload=True)
    odd = tmp_path / "odd.txt"
    odd.write_text(ODD)
    names = dict(pair.split("=") for pair in NAMES.replace("+", " ").split("&"))
    async with open_client(url) as client:
        kept = await client.prices.upload(odd, symbol="NEW", columns=names)
        assert kept["dataset"] in await client.datasets()
        with pytest.raises(ServerRefusedError, match="replace=true"):
            await client.prices.upload(odd, symbol="NEW", columns=names)
        await client.prices.upload(odd, symbol="NEW", columns=names, replace=True)
        with pytest.raises(InvalidRequestError, match="say timestamp=NAME"):
            await client.prices.upload(odd, symbol="OTHER")
        with pytest.raises(InvalidRequestError, match="can be read"):
            await client.prices.upload(tmp_path / "nothing", symbol="NEW")


async def test_a_real_server_answers_before_it_has_the_whole_file(serve_with: Serve) -> None:
    url = await serve_with()
    async with httpx2.AsyncClient(base_url=url) as http:
        refused = await http.post(
            "/v1/datasets?symbol=NEW", content=bytes(1 << 20), headers={"Content-Type": CSV}
        )
    assert refused.status_code == 403
    assert "--allow-upload" in refused.json()["error"]["message"]
