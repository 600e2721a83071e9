"""Pages about the API: the front page, the interactive docs and the document behind them."""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.util
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template

import trio

from glowback_trio.server.http.errors import unknown_path
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.http.route import Route
from glowback_trio.server.openapi.docstrings import first_line
from glowback_trio.server.openapi.document import openapi_document
from glowback_trio.server.state.app_state import AppState
from glowback_trio.version import VERSION
from glowback_trio.wire.json_text import dumps

__all__ = ["api_document", "docs_asset", "docs_page", "front_page", "read_pages", "stream_module"]

_PAGES = resources.files("glowback_trio.server") / "assets"

# Swagger UI has its icons in data URLs; everything else it loads is a file of this server.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_CACHED = {"Cache-Control": "public, max-age=3600"}

_ASSETS: Mapping[str, str] = {
    "docs.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}


def read_pages() -> None:
    """Read all pages now: once the server is busy, there may be no descriptor left."""
    for name in ("index.html", "docs.html", "glowback-stream.js", *_ASSETS):
        read_page(name)


async def front_page(app_state: AppState) -> Response:
    """Show the front page: what this server is, and its routes."""
    page = Template(read_page("index.html").decode())
    text = page.substitute(version=VERSION, rows="\n".join(_rows(app_state.routes)))
    policy = (
        f"default-src 'none'; style-src '{_style_hash(text)}'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return _page(text, policy)


def _rows(routes: Sequence[Route]) -> list[str]:
    return [
        f"    <tr><td><code>{route.method}</code>"
        f"<td><code>{html.escape(route.path)}</code>"
        f"<td>{_inline_code(html.escape(first_line(route.handler)))}"
        for route in routes
        # The page itself, and the files that pages load, are of no use to a reader.
        if route.path not in ("/", "/docs/{name}")
    ]


def _inline_code(text: str) -> str:
    """Mark up what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", text)


def _style_hash(page: str) -> str:
    """Return the hash of the page's style, the only one its Content-Security-Policy allows."""
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    return f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}"


async def docs_page(_app_state: AppState) -> Response:
    """Show the interactive documentation."""
    return _page(read_page("docs.html").decode(), _DOCS_POLICY)


def _page(text: str, policy: str) -> Response:
    headers = {"Content-Security-Policy": policy}
    return Response(text.encode(), 200, headers, content_type="text/html; charset=utf-8")


async def docs_asset(_app_state: AppState, name: str) -> Response:
    """Return a file of the interactive documentation."""
    # A list, not a look into the directory: no path of a client reaches the file system.
    if name not in _ASSETS:
        raise unknown_path()
    return Response(read_page(name), 200, _CACHED, content_type=_ASSETS[name])


@cache
def read_page(name: str) -> bytes:
    """Return a page or a file of one; the first time it is read."""
    asset = _PAGES / name
    return asset.read_bytes() if asset.is_file() else (_swagger_ui() / name).read_bytes()


def _swagger_ui() -> Path:
    """Return the directory of the installed Swagger UI.

    Its package is located and not imported, because importing it needs Flask.
    """
    spec = importlib.util.find_spec("flask_swagger_ui")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "dist"


async def stream_module(_app_state: AppState) -> Response:
    """Return the JavaScript module with which a page follows a run."""
    return Response(read_page("glowback-stream.js"), 200, _CACHED, content_type=_ASSETS["docs.js"])


async def api_document(app_state: AppState) -> Response:
    """Return the OpenAPI document."""
    # It takes tens of milliseconds, and is always the same.
    text = await trio.to_thread.run_sync(_api_document, app_state, limiter=app_state.threads)
    return json_response(text)


def _api_document(app_state: AppState) -> bytes:
    if app_state.api_document is None:
        document = openapi_document(app_state.routes, app_state.gateway.strategies)
        app_state.api_document = dumps(document)
    return app_state.api_document
