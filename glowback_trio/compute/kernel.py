"""Compile the engine's kernel, once for all processes, and load it.

The compiler is numba, of the extra `fast`. Compiling takes some seconds, so what is compiled is
kept in a directory, and nothing but a call of `warm` ever compiles or loads it: runs of a process
that is not warm fill by the broker and by arrays, to the same last bit.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from platformdirs import user_cache_path

from glowback_trio.engine.kernel.choice import (
    MODULES,
    Kernel,
    choose,
    chosen,
    examples,
    functions,
)
from glowback_trio.extras import FAST

__all__ = ["DIRECTORY", "compiled", "is_kept", "warm"]

#: Names the directory that compiled kernels are kept in.
DIRECTORY = "GLOWBACK_KERNEL_CACHE"
_LOCK = threading.Lock()


def warm() -> bool:
    """Load the compiled kernel, so that all runs of this process that begin later take it.

    The first call on a machine compiles, which takes some seconds; what it compiles is kept in
    `GLOWBACK_KERNEL_CACHE`, by default in the user's cache directory. Later calls, and calls of
    other processes, load it from there.

    Returns:
        True if the kernel had to be compiled.

    Raises:
        DataError: The extra `fast` is not installed, or does not work with the other packages.
    """
    with _LOCK:
        if chosen() is not None:
            return False
        numba = FAST.load("numba")
        with _kept_in(numba) as kept:
            kernel, anew = compiled(numba, kept=kept)
        choose(kernel)
        return anew


def is_kept() -> bool:
    """Return True if the kernel has been compiled on this machine, as far as files show it.

    Where nothing can be kept, it counts as compiled: nobody can do it in advance.
    """
    directory = _directory()
    # numba writes an index of each function, and whoever was stopped has written some.
    if len(list(directory.rglob("*.nbi"))) >= len(Kernel._fields):
        return True
    with _held(directory) as held:
        return not held


def compiled(numba: Any, *, kept: bool) -> tuple[Kernel, bool]:
    """Return the kernel, and True if it had to be compiled; `kept`: numba may look for it first."""
    made = _dispatchers(numba)
    hits = 0
    for name, arguments in examples().items():
        dispatcher = made[name]
        if kept:
            dispatcher.enable_caching()
        dispatcher.compile(tuple(numba.typeof(one) for one in arguments))
        # From now on a call with other types fails instead of compiling in the midst of a run.
        dispatcher.disable_compile()
        hits += len(dispatcher.stats.cache_hits)
    kernel = Kernel(*(made[name] for name in Kernel._fields))
    return kernel, hits < len(Kernel._fields)


def _dispatchers(numba: Any) -> dict[str, Any]:
    """Return every function of the kernel as one that numba compiles, calling each other."""
    spaces: list[dict[str, Any]] = []
    made: dict[str, Any] = {}
    for module in MODULES:
        space = dict(vars(module))
        spaces.append(space)
        for name, one in functions(module).items():
            copied = FunctionType(one.__code__, space, name, one.__defaults__)
            copied.__module__ = module.__name__
            # Without reference counts, because the kernel makes no arrays: with them a fill takes
            # ten times as long. Without `fastmath`, so that every digit is that of plain Python.
            apart = name in Kernel._fields
            options = {"nogil": True, "error_model": "numpy", "forceinline": not apart}
            made[name] = numba.njit(_nrt=False, **options)(copied)
    for space in spaces:
        space.update({name: made[name] for name in space.keys() & made.keys()})
    return made


@contextmanager
def _kept_in(numba: Any) -> Iterator[bool]:
    """Let numba keep what it compiles within the block in our directory; yield False if it cannot.

    A directory that cannot be written to, such as one of an image, is read from a copy.
    """
    directory = _directory()
    before = numba.config.CACHE_DIR
    with tempfile.TemporaryDirectory(prefix="glowback-kernel-") as copy, _held(directory) as held:
        place = directory if held else Path(copy, "kernel")
        if not held and directory.is_dir():
            shutil.copytree(directory, place)
        numba.config.CACHE_DIR = str(place)
        try:
            yield True
        finally:
            numba.config.CACHE_DIR = before


@contextmanager
def _held(directory: Path) -> Iterator[bool]:
    """Hold a directory alone, so that one process compiles and others wait for what it has made.

    Yields False, at once, if the directory cannot be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = Path(directory, "lock").open("ab")  # noqa: SIM115 - what fails is the opening alone
    except OSError:
        yield False
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield True


def _directory() -> Path:
    """Return the directory of this very kernel: its sources, and all that compiles them."""
    parent = os.environ.get(DIRECTORY)
    root = Path(parent) if parent else user_cache_path("glowback-trio") / "kernel"
    made_of = hashlib.sha256()
    for name in ("numba", "llvmlite"):
        made_of.update(f"{name} {version(name)} ".encode())
    made_of.update(f"numpy {np.__version__} python {sys.version}".encode())
    folder = Path(str(MODULES[0].__file__)).parent
    made_of.update(str(folder).encode())  # numba tells functions apart by where their sources are
    for source in (*sorted(folder.rglob("*.py")), folder.parent / "tolerance.py"):
        made_of.update(source.read_bytes())
    return root / made_of.hexdigest()[:16]
