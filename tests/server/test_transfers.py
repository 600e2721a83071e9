"""Runs between servers over HTTP: exported, imported, verified.

Doctrine: what one server exports, another one takes; its answers are then the first one's.
"""

from __future__ import annotations

from typing import Any

import pytest
from quart.typing import TestClientProtocol as Client
from support.exports import file_of, finished_export, with_events

from glowback_trio import Run
from glowback_trio.client import open_client
from glowback_trio.errors import ServerRefusedError, UnknownRunError

EXPORT = finished_export()
FILE = file_of(EXPORT)


async def test_an_exported_run_is_imported_under_its_id(client: Client) -> None:
    created = await client.post("/v1/imports", data=FILE)
    status = await created.get_json()
    assert created.status_code == 201
    assert created.headers["Location"] == "/v1/backtests/run-1"
    assert (status["state"], status["event_count"]) == ("completed", len(EXPORT.events))
    exported = await client.get("/backtests/run-1/export")
    assert exported.headers["Content-Type"] == "application/vnd.glowback-trio.run"
    assert exported.headers["Content-Disposition"] == "attachment; filename=run-1.gbt"
    assert await exported.get_data() == FILE
    assert (await client.post("/imports", data=FILE)).status_code == 201
    events = await client.get("/backtests/run-1/events?limit=1000")
    assert len(await events.get_json()) == len(EXPORT.events)
    assert (await client.get("/backtests/run-1/results")).status_code == 200


async def test_another_run_of_the_same_id_is_refused(client: Client) -> None:
    await client.post("/imports", data=FILE)
    other = file_of(with_events(EXPORT, {1: {"message": "queued by hand"}}))
    refused = await client.post("/v1/imports", data=other)
    assert refused.status_code == 409
    error = (await refused.get_json())["error"]
    assert error["code"] == "conflict"
    assert "another run run-1" in error["message"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "Field required"),
        (b"GIF89a", 422, "no export of a run"),
        (FILE[:-1] + b"x", 422, "is damaged"),
        (FILE.replace(b"run 1\n", b"run 9\n"), 422, "version '9'"),
    ],
)
async def test_what_is_no_export_is_refused_in_a_sentence(
    client: Client, body: bytes, status: int, words: str
) -> None:
    refused = await client.post("/imports", data=body)
    assert refused.status_code == status
    assert words in str(await refused.get_json())


async def test_imports_have_a_limit_of_their_own(client_of: Any) -> None:
    client = client_of(max_body_bytes=100, max_import_bytes=len(FILE) - 1)
    assert (await client.post("/imports", data=FILE)).status_code == 413
    client = client_of(max_body_bytes=100, max_import_bytes=len(FILE))
    refused = await client.post("/imports", data=FILE)
    assert refused.status_code == 422  # unpacked it is larger
    assert "too large" in (await refused.get_json())["detail"]
    client = client_of(max_body_bytes=100)
    assert (await client.post("/imports", data=FILE)).status_code == 201
    assert (await client.post("/backtests", data=b"{" * 200)).status_code == 413


async def test_a_body_without_a_length_is_counted(serve_with: Any) -> None:
    url = await serve_with(max_import_bytes=1000)
    async with open_client(url) as client:
        with pytest.raises(ServerRefusedError, match="at most 1,000 bytes"):
            await client.import_run(FILE)


async def test_a_run_is_verified(client: Client, finished: Run) -> None:
    answer = await client.post(f"/backtests/{finished.run_id}/verify")
    verdict = await answer.get_json()
    assert answer.status_code == 200
    assert verdict["same"] is True
    assert verdict["difference"] is None
    assert verdict["events"] == finished.status.event_count


async def test_a_difference_is_answered_with_its_place(client: Client) -> None:
    await client.post("/imports", data=file_of(with_events(EXPORT, {9: {"planted": 1}})))
    verdict = await (await client.post("/backtests/run-1/verify")).get_json()
    assert verdict["same"] is False
    assert verdict["difference"]["part"] == "events"
    assert verdict["difference"]["event_id"] == 9
    assert verdict["difference"]["field"] == "payload.planted"


async def test_a_run_that_has_not_ended_is_a_conflict(client: Client, endless: Run) -> None:
    assert (await client.get(f"/backtests/{endless.run_id}/export")).status_code == 409
    assert (await client.post(f"/backtests/{endless.run_id}/verify")).status_code == 409
    assert (await client.get("/backtests/nowhere/export")).status_code == 404


async def test_the_client_moves_a_run_and_verifies_it(serve_with: Any) -> None:
    url = await serve_with()
    async with open_client(url) as client:
        assert (await client.import_run(FILE)).run_id == "run-1"
        pieces: list[bytes] = []
        await client.export("run-1", pieces.append)
        assert b"".join(pieces) == FILE
        assert (await client.verify("run-1")).same
        with pytest.raises(ServerRefusedError, match="damaged"):
            await client.import_run(FILE[:-1] + b"x")
        with pytest.raises(UnknownRunError):
            await client.verify("nowhere")
