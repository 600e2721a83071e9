"""The pages: the frame of the dashboard and its files, the interactive documentation.

Rule: a page loads nothing from another host and runs no script but its own.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from quart.typing import TestClientProtocol as Client

import glowback_trio.server
from glowback_trio.errors import DamagedError
from glowback_trio.server.routes.table import ROUTES
from glowback_trio.server.static_files import (
    CHARTS,
    CHARTS_SHA256,
    check_charts,
    static_files,
    without_comments,
)
from glowback_trio.version import VERSION

ASSETS = Path(glowback_trio.server.__file__).parent / "assets"
DASHBOARD = [r.path for r in ROUTES if r.handler.__name__ == "dashboard"]


async def policy_of(client: Client, path: str) -> dict[str, list[str]]:
    response = await client.get(path)
    rules = response.headers["Content-Security-Policy"].split("; ")
    return {name: sources for name, *sources in (rule.split() for rule in rules)}


@pytest.mark.parametrize("path", DASHBOARD)
async def test_a_page_of_the_dashboard_is_the_same_frame_under_a_strict_policy(
    client: Client, path: str
) -> None:
    response = await client.get(path.replace("{id}", "any"))
    page, policy = await response.get_data(as_text=True), await policy_of(client, "/")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert VERSION in page
    assert re.findall(r"<script[^>]*>(.+?)</script>", page) == []
    assert "<style" not in page
    assert " style=" not in page
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == ["'none'"]


async def test_the_list_of_routes_has_every_route_but_the_dashboard(client: Client) -> None:
    listed = await (await client.get("/ui/routes.json")).get_json()
    named = {f"{row['method']} {row['path']}" for row in listed}
    hidden = ("/ui/", "/assets/", "/docs/")
    assert named == {
        f"{route.method} {route.path}"
        for route in ROUTES
        if route.path != "/" and not route.path.startswith(hidden)
    }
    assert all(row["summary"] for row in listed)


async def test_a_file_is_sent_once_and_then_only_compared(client: Client) -> None:
    first = await client.get("/assets/core/dom.js")
    assert first.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert first.headers["Cache-Control"] == "no-cache"
    tag = first.headers["ETag"]
    body = await first.get_data(as_text=False)
    assert tag == f'"{hashlib.sha256(body).hexdigest()}"'
    again = await client.get("/assets/core/dom.js", headers={"If-None-Match": tag})
    assert (again.status_code, await again.get_data()) == (304, b"")
    assert again.headers["ETag"] == tag
    other = await client.get("/assets/core/dom.js", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_the_library_of_charts_is_the_one_that_is_known() -> None:
    known = static_files()[CHARTS].body
    assert check_charts(known) == known
    changed = hashlib.sha256(known + b"x").hexdigest()
    with pytest.raises(DamagedError, match=f"{changed}, not {CHARTS_SHA256}: install litecharts"):
        check_charts(known + b"x")


def test_no_script_of_the_dashboard_parses_html_or_names_another_host() -> None:
    for path, file in static_files().items():
        if path == CHARTS or not path.endswith(".js"):
            continue
        text = file.body.decode()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text), path
        assert not re.search(r"\beval\(|new Function|setAttribute\(\"style", text), path
        addresses = set(re.findall(r"https?://[\w./-]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, path


def test_comments_are_not_sent_and_lines_stay_where_they_are() -> None:
    source = b"""// About it.
import { h } from "./dom.js";
/**
 * @param {string} text
 */
function show(text) { // said
  return h("a", {}, /** @type {any} */ (text), "/* kept */", "// kept");
  /* one */
}
"""
    assert (
        without_comments(source)
        == b"""
import { h } from "./dom.js";



function show(text) { // said
return h("a", {}, (text), "/* kept */", "// kept");

}
"""
    )


def test_no_text_of_a_script_goes_over_lines_where_it_could_look_like_a_comment() -> None:
    for path in ASSETS.rglob("*.js"):
        for line in path.read_text().splitlines():
            written = re.sub(r'"`"', "", line)
            assert written.count("`") % 2 == 0, f"{path}: {line}"


async def test_the_docs_run_only_scripts_of_this_host(client: Client) -> None:
    policy = await policy_of(client, "/docs")
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    page = await (await client.get("/docs")).get_data(as_text=True)
    assert re.findall(r"<script[^>]*>(.+?)</script>", page) == []


@pytest.mark.parametrize("page", ["/", "/docs"])
async def test_everything_a_page_loads_is_here(client: Client, page: str) -> None:
    text = await (await client.get(page)).get_data(as_text=True)
    text = re.sub(r'<a href="https[^>]+rel="noreferrer">', "", text)  # loads nothing by itself
    for target in re.findall(r'(?:src|href)="([^"#]+)"', text):
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
    assert (await client.get(f"/assets/{name}")).status_code == 404
    assert (await client.get(f"/assets/core/{name}")).status_code == 404


async def test_the_docs_page_sends_no_request_to_a_validator(client: Client) -> None:
    script = await (await client.get("/docs/docs.js")).get_data(as_text=True)
    assert "validatorUrl: null" in script
    assert "://" not in script
