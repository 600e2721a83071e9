"""Tell the code of the program from that of the standard library and of installed packages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType, ModuleType

__all__ = ["is_program", "line_of_program", "program_modules"]

_KIT = __name__.rpartition(".loop")[0]
_LOOP = f"{_KIT}.loop.simulation"
_NO_LINE = "a line that is not the program's"
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
# Where the standard library lies.
_LIBRARIES = str(Path(os.__file__).resolve().parent) + os.sep


@cache
def _is_program_file(name: str) -> bool:
    # What is generated, such as the methods of a data class, has no file.
    if name.startswith("<") or any(each in name for each in _PACKAGES):
        return False
    return not os.path.realpath(name).startswith(_LIBRARIES)


def _is_machinery(name: object) -> bool:
    """Return whether a module is trio's or the kit's, wherever they are installed."""
    return isinstance(name, str) and f"{name}.".startswith((f"{_KIT}.", "trio."))


def is_program(frame: FrameType) -> bool:
    """Return whether a frame is a function of the program."""
    name = frame.f_globals.get("__name__")
    return not _is_machinery(name) and _is_program_file(frame.f_code.co_filename)


def line_of_program(frame: FrameType | None, otherwise: str = _NO_LINE) -> str:
    """Return the innermost line of the program from a frame outwards, within its task."""
    while frame is not None and not is_program(frame):
        # Behind the loop stands who has called the search, which is no line of the task.
        is_loop = frame.f_globals.get("__name__") == _LOOP
        frame = None if is_loop else frame.f_back
    if frame is None:
        return otherwise
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


def program_modules() -> Iterator[ModuleType]:
    """Return the modules of the program that have been imported."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not _is_machinery(name) and _is_program_file(file):
            yield module
