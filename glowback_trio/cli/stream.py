"""`glowback-trio stream`: a run's events as lines."""

from __future__ import annotations

import random
import sys
from typing import Annotated
from urllib.parse import quote, urlsplit, urlunsplit

from cyclopts import App, Parameter
from cyclopts.validators import Number

from glowback_trio.cli.complaints import complain, remark
from glowback_trio.cli.follower import Ended, Follower, Refused
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.lifecycle import State

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio stream 6f1c2a4e-0d6b-4f2e-9a35-0d9f3f1f2b11
  glowback-trio stream 6f1c2a4e-0d6b-4f2e-9a35-0d9f3f1f2b11 --last-event-id 120 | jq .payload
"""

app = App(name="stream", help_format="plaintext", help_epilogue=_EXAMPLES)


@app.default
async def stream(
    run_id: str,
    /,
    *,
    url: Annotated[str, Parameter(env_var="GLOWBACK_URL")] = "http://127.0.0.1:8000",
    last_event_id: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    api_key: Annotated[str | None, Parameter(env_var="GLOWBACK_API_KEY")] = None,
    retry_for: Annotated[float, Parameter(validator=Number(gte=0))] = 60.0,
) -> int:
    """Print a run's events, one JSON object a line, until the run has ended.

    After a cut it reconnects and resumes; every line is printed once, in order. The exit code is 0
    when the run completed, 1 otherwise.

    Args:
        run_id: The run.
        url: The server.
        last_event_id: Print only events after this one.
        api_key: The server's key; of a comma list, the first.
        retry_for: Seconds without an event after which a lost connection is given up.
    """
    key = (api_key or "").partition(",")[0].strip()
    follower = Follower(
        url=f"{_websocket_url(url)}/backtests/{quote(run_id, safe='')}/stream",
        headers=[(b"Authorization", f"Bearer {key}".encode())] if key else [],
        cursor=last_event_id,
        take=_print_line,
    )
    jitter = random.random
    outcome = await follower.follow(retry_for=retry_for, jitter=jitter, say=remark)
    return _exit_code(outcome, follower.cursor)


def _exit_code(outcome: Ended | Refused, cursor: int) -> int:
    match outcome:
        case Ended(State.COMPLETED):
            return 0
        case Ended(None):
            remark(f"the run ended with event {cursor}; there is nothing after it")
            return 0
        case Ended(state, error):
            complain(f"Run {state}: {error}")
        case Refused(why):
            complain(why)
    return 1


def _print_line(event: bytes) -> None:
    sys.stdout.buffer.write(event + b"\n")
    sys.stdout.buffer.flush()


def _websocket_url(url: str) -> str:
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        message = f"Input should be a server's URL, such as http://127.0.0.1:8000, not {url!r}"
        raise InvalidRequestError([Problem("value_error", ("--url",), message, url)])
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
