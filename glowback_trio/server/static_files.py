"""The files of the dashboard: read once, found by name, each with the digest of its bytes."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from attrs import frozen

from glowback_trio.errors import DamagedError
from glowback_trio.server.openapi.form_schemas import form_schemas

__all__ = [
    "CHARTS",
    "CHARTS_SHA256",
    "StaticFile",
    "check_charts",
    "static_files",
    "without_comments",
]

_FOLDER = resources.files("glowback_trio.server") / "assets"

_MEDIA: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}

#: The library that draws curves, in the package `litecharts`: it runs on the pages, with the key.
CHARTS = "vendor/lightweight-charts.js"
#: Of version 5.1.0.
CHARTS_SHA256 = "756b0ba9f58930226d6b8b9d47ad310448ab85d799ea1f7c2c02304777c10b52"

# Comments that have lines of their own, notes of types, and indentation. The lines stay, so that an
# error in a browser names the line of the source. Right as long as no text in backticks goes over
# lines, which a test checks.
_UNREAD = re.compile(
    rb"^[ \t]*(?://.*|/\*(?:(?!\*/)[\s\S])*\*/[ \t]*)$|/\*\* @type .*?\*/ ?|^[ \t]+", re.MULTILINE
)

# Made of the same annotations as the checks of requests, so that forms and server never disagree.
_SCHEMAS = "schemas.json"


@frozen
class StaticFile:
    """A file as it is sent.

    Attributes:
        body: Its bytes.
        media: Its media type.
        tag: The `ETag`: a digest of the bytes, in quotes.
    """

    body: bytes
    media: str
    tag: str


# A table, not a look into the directory: no path of a client reaches the file system.
@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return all files by their paths under `/assets/`; the first time they are read.

    Raises:
        DamagedError: The library of charts is not the one that this version was tried with.
    """
    charts = check_charts(_charts_file().read_bytes())
    made = {CHARTS: charts, _SCHEMAS: form_schemas()}
    return {
        **dict(_read(_FOLDER, "")),
        **{path: _static_file(path, body) for path, body in made.items()},
    }


def _read(folder: Traversable, prefix: str) -> Iterator[tuple[str, StaticFile]]:
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _read(entry, f"{path}/")
        elif Path(entry.name).suffix in _MEDIA:
            yield path, _static_file(path, without_comments(entry.read_bytes()))


def without_comments(text: bytes) -> bytes:
    """Return a file of this package without most of its comments, and without indentation."""
    return _UNREAD.sub(lambda found: b"\n" * found[0].count(b"\n"), text)


def _static_file(path: str, body: bytes) -> StaticFile:
    tag = f'"{hashlib.sha256(body).hexdigest()}"'
    return StaticFile(body, _MEDIA[Path(path).suffix], tag)


def check_charts(body: bytes) -> bytes:
    """Return the bytes of the library of charts, if they are the known ones.

    Raises:
        DamagedError: They are others.
    """
    found = hashlib.sha256(body).hexdigest()
    if found != CHARTS_SHA256:
        message = (
            f"The lightweight-charts.js of the installed package litecharts has the SHA-256 "
            f"{found}, not {CHARTS_SHA256}: install litecharts 0.2.0 again "
            f"(pip install --force-reinstall litecharts==0.2.0)"
        )
        raise DamagedError(message)
    return body


def _charts_file() -> Path:
    """Return the file of the library; its package is located, and never imported."""
    spec = importlib.util.find_spec("litecharts")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "js" / "lightweight-charts.js"
