"""Serve a gateway over HTTP and WebSocket.

Belongs here: routes, streams, keys, limits and documents, all in terms of the gateway.
Never here: what a run is or does (`actors`), how bytes move (`serving`), terminal output (`cli`).
May be imported by: `cli`, `testing`, and programs that embed a server.
"""

from __future__ import annotations

from glowback_trio.server.app import create_app
from glowback_trio.server.serve import serve
from glowback_trio.server.settings import Settings

__all__ = ["Settings", "create_app", "serve"]
