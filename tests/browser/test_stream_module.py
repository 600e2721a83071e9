"""The browser module as a file: how the server serves it. Needs no browser."""

from __future__ import annotations

import pytest

from glowback_trio import open_gateway
from glowback_trio.server import Settings, create_app


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_the_module_is_served_without_a_key(prefix: str) -> None:
    async with open_gateway() as gateway:
        client = create_app(gateway, Settings(api_keys=("key",))).test_client()
        answer = await client.get(f"{prefix}/glowback-stream.js")
        body = await answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert "export async function* streamRun(" in body
    assert "import(" not in body
