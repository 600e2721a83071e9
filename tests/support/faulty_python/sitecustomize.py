"""Calls of the system that fail, one at a time, in every Python that finds this at its start.

The variable `CALL_FAULT` names the file of a switch, which processes share: two numbers of 64 bits.
The first says at which call from now on the fault comes (0: none), the second counts the calls.
`CALL_FAULT_KIND` says which calls. A process that starts without the variables is left as it is.
"""

from __future__ import annotations

import builtins
import errno
import io
import mmap
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

KIND = os.environ.get("CALL_FAULT_KIND", "")


def _opened_switch(path: str) -> memoryview:
    descriptor = os.open(path, os.O_RDWR)
    try:
        return memoryview(mmap.mmap(descriptor, 16)).cast("Q")
    finally:
        os.close(descriptor)


def _failing(switch: memoryview, call: Callable[..., Any], error: BaseException) -> Any:
    """Return a call that fails when it is its turn."""

    def fail_or_call(*args: Any, **more: Any) -> Any:
        if switch[0]:
            switch[1] += 1
            if switch[1] == switch[0]:
                raise type(error)(*error.args)
        return call(*args, **more)

    return fail_or_call


def _replace(switch: memoryview, error: BaseException, place: Any, *names: str) -> None:
    for name in names:
        if hasattr(place, name):
            setattr(place, name, _failing(switch, getattr(place, name), error))


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _fail_threads(switch: memoryview) -> None:
    from trio._core import _thread_cache  # noqa: PLC0415 - see `_fail_allocating`

    # Threads end when they have nothing to do, so that most calls need a new one.
    _thread_cache.IDLE_TIMEOUT = 0
    error = RuntimeError("can't start new thread")
    _replace(switch, error, threading, "_start_new_thread", "_start_joinable_thread")


def _fail_processes(switch: memoryview) -> None:
    _replace(switch, _os_error(errno.EAGAIN), subprocess, "_fork_exec")


def _fail_opening(switch: memoryview) -> None:
    error = _os_error(errno.EMFILE)
    for place in (builtins, io, os):
        _replace(switch, error, place, "open")
    _replace(switch, error, os, "scandir", "listdir", "pipe", "pipe2", "dup")
    _replace(switch, error, socket, "socketpair")


def _fail_writing(switch: memoryview) -> None:
    names = ("write", "replace", "rename", "mkdir", "truncate", "ftruncate", "fsync", "utime")
    _replace(switch, _os_error(errno.ENOSPC), os, *names)


def _fail_mapping(switch: memoryview) -> None:
    real, error = mmap.mmap, _os_error(errno.ENOMEM)

    class FaultyMap(real):  # type: ignore[misc, valid-type]  # a class that is looked up here
        def __new__(cls, *args: Any, **more: Any) -> Any:
            make = _failing(switch, real.__new__, error)
            return make(cls, *args, **more)

    mmap.mmap = FaultyMap  # type: ignore[misc]  # the point of this module


def _fail_allocating(switch: memoryview) -> None:
    import numpy as np  # noqa: PLC0415 - a second that other processes need not wait

    error = MemoryError("Unable to allocate")
    names = ("empty", "zeros", "ones", "full", "arange", "concatenate", "array", "empty_like")
    _replace(switch, error, np, *names, "zeros_like", "full_like", "where", "repeat", "stack")


def _fail_accepting(switch: memoryview) -> None:
    _replace(switch, _os_error(errno.EMFILE), socket.socket, "accept")


KINDS: dict[str, Callable[[memoryview], None]] = {
    "accept": _fail_accepting,
    "allocate": _fail_allocating,
    "map": _fail_mapping,
    "open": _fail_opening,
    "process": _fail_processes,
    "thread": _fail_threads,
    "write": _fail_writing,
}

if KIND in KINDS and sys.flags.no_site == 0:
    KINDS[KIND](_opened_switch(os.environ["CALL_FAULT"]))
