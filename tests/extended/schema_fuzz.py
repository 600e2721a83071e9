"""Requests generated from the OpenAPI document, sent to a real server.

    python tests/extended/schema_fuzz.py

Schemathesis reads `/openapi.json` and sends valid and invalid requests to everything in it. Rule:
no response is a server error, and none is missing from the document.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
KEY = "sesame"
# Small runs, so that they are many; and no 429, so that all of them are looked at.
BOUNDS = {"GLOWBACK_MAX_BARS": "20000", "GLOWBACK_RATE_LIMIT": "0", "GLOWBACK_LOG_LEVEL": "ERROR"}


@contextmanager
def serving(**environment: str) -> Iterator[str]:
    """Serve generated prices in a process of its own and yield the URL."""
    command = [sys.executable, "-m", "glowback_trio", "serve", "--port", "0", "--store", "memory"]
    surroundings = os.environ | BOUNDS | environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().removeprefix("listening on ").strip()
        finally:
            process.terminate()


def fuzz(url: str, *arguments: str) -> int:
    """Send requests for everything; return 0 if every response was right."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    options = ["--checks", ",".join(CHECKS), "--max-examples", "20", "--continue-on-failure"]
    with tempfile.TemporaryDirectory() as directory:  # for what it remembers of earlier servers
        run = subprocess.run([*command, *options, *arguments], check=False, cwd=directory)
    return run.returncode


def main(arguments: list[str]) -> int:
    """Fuzz a server without keys, then one with a key."""
    with serving() as url:
        without = fuzz(url, *arguments)
    with serving(GLOWBACK_API_KEY=KEY) as url:
        return without or fuzz(url, "--header", f"X-API-Key: {KEY}", *arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
