"""HTTP: routes, streams, keys and documents. Translation only."""

from __future__ import annotations

from glowback_trio.server.app import create_app
from glowback_trio.server.serve import serve
from glowback_trio.server.settings import Settings

__all__ = ["Settings", "create_app", "serve"]
