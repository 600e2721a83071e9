"""The page that a failed test shows: what a person needs, and no line of pytest's or trio's."""

from __future__ import annotations

import linecache
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest

from glowback_trio.testing.sim import Finding
from glowback_trio.testing.sim.loop.programs import is_program

__all__ = ["page"]

_PLUGIN = "glowback_trio.testing.plugin"
_KIT = "glowback_trio.testing."


def page(item: pytest.Item, finding: Finding, kept: str) -> str:
    """Return the page.

    Args:
        item: The test.
        finding: What was found.
        kept: Says where the token is kept; empty where it is not.
    """
    root = item.config.rootpath
    lines = [finding.report]
    if finding.kind in {"error", "check"}:
        lines += _raised(finding.exception, root)
    lines += ["", "Replay it with:", f"    {_command(item, finding.token)}"]
    return "\n".join([*lines, "", kept] if kept else lines)


def _command(item: pytest.Item, token: str) -> str:
    given = item.config.invocation_params.args
    loading = ["-p", _PLUGIN] if any(_PLUGIN in str(each) for each in given) else []
    return shlex.join(["pytest", *loading, item.nodeid, "--sim-replay", token])


def _raised(error: BaseException, root: Path) -> Iterator[str]:
    """Tell where an exception was raised, in the program's own lines; a group's one by one."""
    if not isinstance(error, BaseExceptionGroup):
        yield from ("", "It was raised here:", *_lines_of(error.__traceback__, root))
    for each in _leaves(error) if isinstance(error, BaseExceptionGroup) else ():
        yield from ("", f"{type(each).__name__}: {each}", "  raised here:")
        yield from _lines_of(each.__traceback__, root)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _lines_of(traceback: TracebackType | None, root: Path) -> Iterator[str]:
    while traceback is not None:
        frame = traceback.tb_frame
        if is_program(frame) and not frame.f_globals.get("__name__", "").startswith(_KIT):
            file, line = frame.f_code.co_filename, traceback.tb_lineno
            yield f"  {_short(file, root)}:{line} in {frame.f_code.co_name}"
            yield f"      {linecache.getline(file, line).strip()}"
        traceback = traceback.tb_next


def _short(file: str, root: Path) -> str:
    path = Path(file)
    return str(path.relative_to(root)) if path.is_relative_to(root) else file
