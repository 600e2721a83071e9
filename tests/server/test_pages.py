"""The pages about the API: front page, interactive documentation, OpenAPI document.

Rule: a page loads nothing from another host and runs no script but its own.
"""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from quart.typing import TestClientProtocol as Client

from glowback_trio.server.routes.table import ROUTES


async def policy_of(client: Client, path: str) -> dict[str, list[str]]:
    response = await client.get(path)
    rules = response.headers["Content-Security-Policy"].split("; ")
    return {name: sources for name, *sources in (rule.split() for rule in rules)}


async def test_the_front_page_lists_every_route_but_itself(client: Client) -> None:
    page = await (await client.get("/")).get_data(as_text=True)
    for route in ROUTES:
        listed = f"<code>{route.method}</code><td><code>{route.path}</code>" in page
        assert listed == (route.path not in {"/", "/docs/{name}"})
    assert 'href="/docs"' in page
    assert 'href="/openapi.json"' in page
    assert 'href="/glowback-stream.js"' in page
    assert "`" not in page


async def test_the_front_page_runs_no_script_and_only_its_own_style(client: Client) -> None:
    page = await (await client.get("/")).get_data(as_text=True)
    policy = await policy_of(client, "/")
    assert "<script" not in page
    assert " style=" not in page
    assert policy["default-src"] == ["'none'"]
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy["style-src"] == [f"'sha256-{digest}'"]


async def test_the_docs_run_only_scripts_of_this_host(client: Client) -> None:
    policy = await policy_of(client, "/docs")
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    page = await (await client.get("/docs")).get_data(as_text=True)
    assert re.findall(r"<script[^>]*>(.+?)</script>", page) == []


@pytest.mark.parametrize("page", ["/", "/docs"])
async def test_everything_a_page_loads_is_here(client: Client, page: str) -> None:
    text = await (await client.get(page)).get_data(as_text=True)
    for target in re.findall(r'(?:src|href)="([^"]+)"', text):
        assert target.startswith("/")
        assert not target.startswith("//")
        assert (await client.get(target)).status_code == 200, target


@pytest.mark.parametrize(
    ("name", "media", "mark"),
    [
        ("swagger-ui.css", "text/css; charset=utf-8", b".swagger-ui"),
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8", b"SwaggerUIBundle"),
        ("docs.js", "text/javascript; charset=utf-8", b"/openapi.json"),
        ("favicon-32x32.png", "image/png", b"PNG"),
    ],
)
async def test_assets_come_from_the_installed_package(
    client: Client, name: str, media: str, mark: bytes
) -> None:
    response = await client.get(f"/docs/{name}")
    assert response.headers["Content-Type"] == media
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert mark in await response.get_data()


@pytest.mark.parametrize("name", ["index.html", "..%2f..%2fapp.py", "docs.html", "%00"])
async def test_no_other_file_is_served(client: Client, name: str) -> None:
    assert (await client.get(f"/docs/{name}")).status_code == 404


async def test_the_docs_page_sends_no_request_to_a_validator(client: Client) -> None:
    script = await (await client.get("/docs/docs.js")).get_data(as_text=True)
    assert "validatorUrl: null" in script
    assert "://" not in script
