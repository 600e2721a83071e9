"""`glowback-trio diff`: the first event at which the logs of two runs part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glowback_trio.cli.commands.runs.examples import RUN_ID, make_command
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.model.short_repr import counted
from glowback_trio.wire.json_text import dumps

__all__ = ["app"]

# That of `verify` for a difference; other than that of an error.
_DIFFERS = 3

app = make_command("diff", f"{RUN_ID} OTHER_RUN", f"{RUN_ID} OTHER_RUN --json | jq .at")


@app.default
async def diff(
    run_id: str, other: str, *, json: JsonOption = False, server: ServerOption = LOCAL_SERVER
) -> int:
    """Find the first event at which the logs of two runs part.

    Run ids, times and digests are not compared. Of a run that has not ended the events so far are.
    The exit code is 0 if the logs are equal, and 3 if they part.

    Args:
        run_id: Id of a run.
        other: Id of the other run.
        json: Print the difference as JSON.
        server: The server that has both runs.
    """
    async with server.open_client() as client:
        found = await client.difference(run_id, other)
    if json:
        print_json(found)
    else:
        print(_said(found, run_id, other))  # noqa: T201 - this is the command's output
    return 0 if found["equal"] else _DIFFERS


def _said(found: Mapping[str, Any], run_id: str, other: str) -> str:
    if found["equal"]:
        return f"The logs are equal: {counted(found['events'][0], 'event')}."
    runs = zip((run_id, other), found["events_there"], strict=True)
    return "\n".join([f"The logs part at event {found['at']}.", *(_line(*each) for each in runs)])


def _line(run_id: str, event: Mapping[str, Any] | None) -> str:
    if event is None:
        return f"  {run_id}: no event"
    return f"  {run_id}: {event['type']} {dumps(event['payload']).decode()}"
