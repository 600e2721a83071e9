"""A server that is out of something says 503 and when to try again, never that a request is wrong.

Rule: the calls of the system fail by a script; what answers is the whole application.
"""

from __future__ import annotations

import errno
import os
import zoneinfo
from typing import Any, NoReturn

import pytest
from quart.typing import TestClientProtocol as Client

from glowback_trio import InlineCompute, open_gateway
from glowback_trio.server import create_app

BODY = {"symbols": ["AAPL"], "start_date": "2019-01-02", "end_date": "2019-02-01"}


def no_descriptor(*_: Any, **__: Any) -> NoReturn:
    raise OSError(errno.EMFILE, "Too many open files", "/secret/place")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/v1/datasets", None), ("POST", "/v1/backtests", BODY)],
)
async def test_a_data_directory_that_cannot_be_opened_for_now_is_503(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    async with open_gateway(data="demo", compute=InlineCompute()) as gateway:
        client = create_app(gateway).test_client()
        monkeypatch.setattr(os, "listdir", no_descriptor)
        response = await client.open(path, method=method, json=body)
        monkeypatch.undo()
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    error = (await response.get_json())["error"]
    assert (error["code"], error["details"]) == ("unavailable", None)
    assert error["message"] == "The server is out of open files at the moment; try again later"


async def test_a_time_zone_that_cannot_be_read_for_now_is_not_called_wrong(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoneinfo, "ZoneInfo", no_descriptor)
    response = await client.post("/v1/backtests", json=BODY | {"timezone": "Europe/Oslo"})
    assert response.status_code == 503
