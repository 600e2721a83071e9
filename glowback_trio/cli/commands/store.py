"""`glowback-trio store`: look after where a server keeps its runs; move its runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import trio
from cyclopts import App, Parameter
from rich.console import Console

from glowback_trio.actors.transfers import check_same, import_export
from glowback_trio.cli.messages import print_error
from glowback_trio.cli.options.server_option import ServerOption
from glowback_trio.cli.options.store_option import StoreOption, place_of, place_to_write
from glowback_trio.cli.options.strategy_option import StrategiesOption, load_strategies
from glowback_trio.cli.store_place import StorePlace
from glowback_trio.errors import InvalidRequestError, Problem, RunExistsError, StoreError
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.wire.exports.run_export import MOST_BYTES, RunExport, export_pieces, read_export

__all__ = ["app"]

UrlOption = Annotated[str | None, Parameter(name="--url", show_default=False)]
KeyOption = Annotated[
    str | None, Parameter(name="--api-key", env_var="GLOWBACK_API_KEY", show_default=False)
]

_EXAMPLES = """\
Examples:

  glowback-trio store info
  glowback-trio store info --store postgresql://glowback@db/glowback
  glowback-trio store check --store sqlite:./runs.sqlite
  glowback-trio store compact --store sqlite:./runs.sqlite
  glowback-trio store backup copy.sqlite
  glowback-trio store export 6f1c2a4e-0d6b-4f2e-9a35-0d9f3f1f2b11 run.gbt
  glowback-trio store import run.gbt --url http://127.0.0.1:8000
"""

app = App(
    name="store",
    help="Look after where a server keeps its runs; move its runs.",
    help_format="plaintext",
    help_epilogue=_EXAMPLES,
)


@app.command
def info(*, store: StoreOption = None) -> None:
    """Print what is in a store. A server may be using it.

    Args:
        store: The store; left out, that of `serve`.
    """
    console = Console(highlight=False)
    for name, text in place_of(store).info().items():
        console.print(f"{name:13} {text}", markup=False, soft_wrap=True)


@app.command
def check(*, store: StoreOption = None) -> int:
    """Read a whole store and print everything that is wrong with it.

    Checks the database, every checksum, the laws of every log with its digest, every result, and
    the chain of the ledger of trials. A server may be using the store. The exit code is 1 if
    anything is wrong.

    Args:
        store: The store; left out, that of `serve`.
    """
    place = place_of(store)
    wrong = 0
    for finding in place.check():
        wrong += 1
        print_error(finding)
    if not wrong:
        Console(highlight=False).print(f"{place} is sound", markup=False, soft_wrap=True)
    return 1 if wrong else 0


@app.command
def compact(*, store: StoreOption = None) -> None:
    """Give the space of deleted runs in a file back to the disk. No server may be using it.

    Args:
        store: The store; left out, that of `serve`.
    """
    Console(highlight=False).print(place_of(store).compact())


@app.command
def backup(file: Path, *, store: StoreOption = None) -> None:
    """Copy a store's file into a new one, as of one moment. A server may be using it.

    Args:
        file: The copy.
        store: The store; left out, that of `serve`.
    """
    place = place_of(store)
    place.backup(file)
    Console(highlight=False).print(f"{file} is a copy of {place}", markup=False, soft_wrap=True)


@app.command(name="export")
async def export_run(
    run: str,
    file: Path,
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
) -> None:
    """Write a finished run into a new file: request, events and result, under one SHA-256.

    Args:
        run: Id of the run.
        file: The file.
        store: The store, which a server may be using; left out, that of `serve`.
        url: Take the run from this server instead.
        api_key: API key of the server; the first one of a comma list.
    """
    if url is None:
        pieces = export_pieces(place_of(store).export(run))
        with _new_file(file) as opened:
            opened.writelines(pieces)
    else:
        async with ServerOption(url=url, api_key=api_key).open_client() as client:
            with _new_file(file) as opened:
                await client.export(run, opened.write)
    Console(highlight=False).print(f"{file} is {run}", markup=False, soft_wrap=True)


@app.command(name="import")
async def import_run(
    file: Path,
    *,
    store: StoreOption = None,
    strategies: StrategiesOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
) -> None:
    """Keep the run that a file holds, under its id, as the newest one.

    Args:
        file: What `store export` has written.
        store: The store; if it is a file, no server may be using it. Left out, that of `serve`.
        strategies: Custom strategies, as MODULE:ATTRIBUTE naming a class or a list of classes.
        url: Send the run to this server instead.
        api_key: API key of the server; the first one of a comma list.
    """
    data = _read(file)
    export = read_export(data)
    if url is None:
        await _import_into(place_to_write(store), export, strategies)
    else:
        async with ServerOption(url=url, api_key=api_key).open_client() as client:
            await client.import_run(data)
    Console(highlight=False).print(f"{export.run_id} is there", markup=False, soft_wrap=True)


async def _import_into(place: StorePlace, export: RunExport, strategies: list[str] | None) -> None:
    registry = make_registry(load_strategies(strategies or ()))
    kept = place.open()
    try:
        async with kept.opened(registry):
            await import_export(export, kept, registry)
    except RunExistsError:
        there = await trio.to_thread.run_sync(place.export, export.run_id)
        await check_same(export, there)
    except StoreError as error:
        error.add_note("a server that uses the store takes the run with --url")
        raise


@contextmanager
def _new_file(file: Path) -> Iterator[BinaryIO]:
    """Open a file that does not exist; where the block fails, there is none.

    Raises:
        InvalidRequestError: It exists already, or cannot be made.
    """
    with _reading(file):
        opened = file.open("xb")
    try:
        with opened:
            yield opened
    except BaseException:
        file.unlink()
        raise


def _read(file: Path) -> bytes:
    with _reading(file), file.open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Raise what the system reports of a file as a problem of the argument."""
    try:
        yield
    except OSError as error:
        message = f"{file} cannot be used: {error.strerror}"
        if isinstance(error, FileExistsError):
            message = f"{file} exists already: name a file that does not"
        raise InvalidRequestError([Problem("value_error", ("FILE",), message)]) from None
