"""The pages: the dashboard with its files, the interactive docs and the document behind them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

import trio
from quart import request

from glowback_trio.server.http.errors import unknown_path
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.openapi.docstrings import first_line
from glowback_trio.server.openapi.document import openapi_document
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.static_files import static_files
from glowback_trio.version import VERSION
from glowback_trio.wire.json_text import dumps

__all__ = [
    "api_document",
    "dashboard",
    "docs_asset",
    "docs_page",
    "read_pages",
    "route_list",
    "static_file",
    "stream_module",
]

_PAGES = resources.files("glowback_trio.server") / "assets"

# Swagger UI has its icons in data URLs; everything else that a page loads is a file of this server.
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
}

_CACHED = {"Cache-Control": "public, max-age=3600"}

_HTML = "text/html; charset=utf-8"

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
    static_files()


async def dashboard(_app_state: AppState, **_place: str) -> Response:
    """Show the dashboard; a script finds out from the address which of its pages it is."""
    page = read_page("index.html").replace(b"$version", VERSION.encode())
    return Response(page, 200, _POLICY, content_type=_HTML)


async def static_file(_app_state: AppState, **steps: str) -> Response:
    """Return a file of the dashboard; 304 to a browser that has it."""
    file = static_files().get("/".join(steps.values()))
    if file is None:
        raise unknown_path()
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
    if request.if_none_match.contains_weak(file.tag.strip('"')):
        return Response(b"", 304, headers)
    return Response(file.body, 200, headers, content_type=file.media)


async def route_list(app_state: AppState) -> Response:
    """Return all routes, each with what it does, as the dashboard lists them."""
    rows = [
        {
            "method": route.method,
            "path": route.path,
            "tag": route.tag,
            "summary": first_line(route.handler),
        }
        for route in app_state.routes
        # The dashboard itself, and the files that pages load, are of no use to a reader.
        if not route.path.startswith(("/ui/", "/assets/", "/docs/")) and route.path != "/"
    ]
    return json_response(rows)


async def docs_page(_app_state: AppState) -> Response:
    """Show the interactive documentation."""
    return Response(read_page("docs.html"), 200, _POLICY, content_type=_HTML)


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
