"""`glowback-trio stream`: print a run's events as lines."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from glowback_trio.cli.messages import print_error, print_note
from glowback_trio.cli.options.lists import LISTED
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.model.events import Event, EventType
from glowback_trio.model.lifecycle import State

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio stream 6f1c2a4e-0d6b-4f2e-9a35-0d9f3f1f2b11
  glowback-trio stream 6f1c2a4e-0d6b-4f2e-9a35-0d9f3f1f2b11 \\
      --last-event-id 120 --types trade | jq .payload
"""

app = App(name="stream", help_format="plaintext", help_epilogue=_EXAMPLES)


@app.default
async def stream(
    run_id: str,
    *,
    last_event_id: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    types: Annotated[list[EventType] | None, LISTED] = None,
    retry_for: Annotated[float, Parameter(validator=Number(gte=0))] = 60.0,
    server: ServerOption = LOCAL_SERVER,
) -> int:
    """Print a run's events, one JSON object per line, until the run has ended.

    A lost connection is made again and resumed: every event is printed once,
    in order. The exit code is 0 if the run completed, and 1 otherwise.

    Args:
        run_id: Id of the run.
        last_event_id: Print only events after this one.
        types: Print only events of these types, and the last event.
        retry_for: Seconds to try to reconnect before giving up.
        server: The server.
    """
    last: Event | None = None
    async with (
        server.open_client() as client,
        client.stream(
            run_id, after=last_event_id, types=types, retry_for=retry_for, on_retry=print_note
        ) as events,
    ):
        async for last in events:
            _print_event(last)
    # The terminal event was before `--last-event-id`, so its state is not known here.
    if last is None:
        print_note(f"the run has ended; it has no events after {last_event_id}")
        return 0
    return _exit_code(last)


def _exit_code(end: Event) -> int:
    payload = end.payload
    if payload["state"] == State.COMPLETED:
        return 0
    print_error(f"Run {payload['state']}: {payload['error']}")
    return 1


def _print_event(event: Event) -> None:
    sys.stdout.buffer.write(event.data + b"\n")
    # Flushed per line, because a pipe to `jq` should show events as they come.
    sys.stdout.buffer.flush()
