"""`glowback-trio edit`: change the name, the tags or the note of a run."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from glowback_trio.cli.commands.runs.examples import RUN_ID, make_command
from glowback_trio.cli.options.lists import LISTED
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.wire.statuses import status_document

__all__ = ["app"]

app = make_command(
    "edit",
    f'{RUN_ID} --name "Slow crossover" --tag trend,candidate',
    f'{RUN_ID} --note "" --no-tags',
)


@app.default
async def edit(
    run_id: str,
    *,
    name: str | None = None,
    tag: Annotated[list[str] | None, LISTED] = None,
    no_tags: Annotated[bool, Parameter(negative=())] = False,
    note: str | None = None,
    json: JsonOption = False,
    server: ServerOption = LOCAL_SERVER,
) -> None:
    """Change the name, the tags or the note of a run; what is not given stays as it is.

    Args:
        run_id: Id of the run.
        name: The new name; "" removes it.
        tag: All tags that the run has from now on, as a comma list; may be repeated.
        no_tags: Remove all tags.
        note: The new note; "" removes it.
        json: Print the status afterwards as JSON.
        server: The server.
    """
    if tag and no_tags:
        message = "Give --tag or --no-tags, not both"
        raise InvalidRequestError([Problem("value_error", ("--no-tags",), message)])
    async with server.open_client() as client:
        status = await client.edit(run_id, name=name, tags=[] if no_tags else tag, note=note)
    if json:
        print_json(status_document(status))
        return
    labels = {"name": status.name, "tags": ", ".join(status.tags), "note": status.note}
    said = "; ".join(f"{what}: {text or 'none'}" for what, text in labels.items())
    print(f"{run_id} has {said}")  # noqa: T201 - this is the command's output
