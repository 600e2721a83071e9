"""`glowback-trio cancel`, `pause`, `resume`, `pace`, `delete`: change a run, say what happened."""

from __future__ import annotations

import trio

from glowback_trio.cli.commands.runs.examples import RUN_ID, make_command
from glowback_trio.cli.facts import state_words, status_facts
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.client import Client
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.short_repr import counted
from glowback_trio.wire.statuses import status_document

__all__ = ["cancel_app", "delete_app", "pace_app", "pause_app", "resume_app"]

# A cancelled run ends within a quarter of a second, unless the server has a lot to do.
_END_WITHIN_S = 10.0

cancel_app = make_command("cancel", RUN_ID)
pause_app = make_command("pause", RUN_ID)
resume_app = make_command("resume", RUN_ID)
pace_app = make_command("pace", f"{RUN_ID} 20")
delete_app = make_command("delete", RUN_ID)


@cancel_app.default
async def cancel(
    run_id: str, *, json: JsonOption = False, server: ServerOption = LOCAL_SERVER
) -> None:
    """Cancel a run, wait for its end, and print how it ended.

    Nothing changes if it had ended already.

    Args:
        run_id: Id of the run.
        json: Print the status afterwards as JSON.
        server: The server.
    """
    async with server.open_client() as client:
        status = await client.cancel(run_id)
        said = _ended_already(status)
        if not status.finished:
            status = await _after_end(client, run_id)
            said = _cancelled(status)
    _print(said, status, json=json)


@pause_app.default
async def pause(
    run_id: str, *, json: JsonOption = False, server: ServerOption = LOCAL_SERVER
) -> None:
    """Pause a run: it emits no events until it is resumed.

    Args:
        run_id: Id of the run.
        json: Print the status afterwards as JSON.
        server: The server.
    """
    async with server.open_client() as client:
        before = await client.status(run_id)
        status = await client.pause(run_id)
    if status.finished:
        said = _ended_already(status)
    elif before.paused:
        said = f"{run_id} was paused already, at {status.progress:.0%}."
    else:
        said = (
            f"Paused {run_id} at {status.progress:.0%}; it goes on after\n"
            f"  glowback-trio resume {run_id}"
        )
    _print(said, status, json=json)


@resume_app.default
async def resume(
    run_id: str, *, json: JsonOption = False, server: ServerOption = LOCAL_SERVER
) -> None:
    """Let a paused run go on where it was.

    Args:
        run_id: Id of the run.
        json: Print the status afterwards as JSON.
        server: The server.
    """
    async with server.open_client() as client:
        before = await client.status(run_id)
        status = await client.resume(run_id)
    if status.finished:
        said = _ended_already(status)
    elif before.paused:
        said = f"Resumed {run_id} at {status.progress:.0%}."
    else:
        said = f"{run_id} was not paused: it is {state_words(status)}."
    _print(said, status, json=json)


@pace_app.default
async def pace(
    run_id: str,
    bars_per_s: float | None = None,
    *,
    json: JsonOption = False,
    server: ServerOption = LOCAL_SERVER,
) -> None:
    """Let a run go on at another pace.

    Args:
        run_id: Id of the run.
        bars_per_s: Bars per second, 0.001 at least; left out, as fast as possible.
        json: Print the status afterwards as JSON.
        server: The server.
    """
    async with server.open_client() as client:
        status = await client.status(run_id)
        if status.finished:
            said = _ended_already(status)
        else:
            status = await client.set_pace(run_id, bars_per_s)
            speed = "as fast as it can" if bars_per_s is None else f"at {bars_per_s:g} bars/s"
            said = f"{run_id} goes on {speed}, from {status.progress:.0%}."
    _print(said, status, json=json)


@delete_app.default
async def delete(run_id: str, *, server: ServerOption = LOCAL_SERVER) -> None:
    """Delete a run with its events and its result; a run that has not ended is cancelled first.

    Args:
        run_id: Id of the run.
        server: The server.
    """
    async with server.open_client() as client:
        status = await client.status(run_id)
        await client.delete(run_id)
    state = f"it had {_ended(status)}" if status.finished else f"it was {state_words(status)}"
    print(f"Deleted {run_id}; {state}.")  # noqa: T201 - this is the command's output


async def _after_end(client: Client, run_id: str) -> Status:
    """Wait for the end of a cancelled run, and return its status."""
    with trio.move_on_after(_END_WITHIN_S):
        async with client.stream(run_id, types=["state"]) as events:
            async for _ in events:
                pass
    return await client.status(run_id)


def _cancelled(status: Status) -> str:
    events = counted(status.event_count, "event")
    if status.state != State.CANCELLED:  # it may have completed at the same time
        return f"{status.run_id} is {state_words(status)}, after {events}."
    return f"Cancelled {status.run_id} at {status.progress:.0%}, after {events}."


def _ended_already(status: Status) -> str:
    when = status_facts(status)["Finished"]
    return f"{status.run_id} had {_ended(status)} already, at {when}; nothing has changed."


def _ended(status: Status) -> str:
    """Write how a run has ended, to follow `had`."""
    return "been cancelled" if status.state == State.CANCELLED else status.state


def _print(said: str, status: Status, *, json: bool) -> None:
    if json:
        print_json(status_document(status))
    else:
        print(said)  # noqa: T201 - this is the command's output
