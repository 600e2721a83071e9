"""A worker loads the compiled kernel beside its jobs, and no job waits for that.

By rule loading begins once no job has come for a moment, in a thread; a kernel that was never
compiled is compiled by another process; without the extra, or where loading fails, runs do without.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from glowback_trio.compute import kernel as kernels
from glowback_trio.compute.process import warming
from glowback_trio.compute.process.warming import Warming
from glowback_trio.engine.kernel.choice import choose, chosen
from glowback_trio.extras import FAST, Extra

# The compiler takes ten seconds, on a busy machine many times that.
pytestmark = pytest.mark.timeout(600)
needs_numba = pytest.mark.skipif(not FAST.is_installed, reason="numba is not installed")


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def joined() -> None:
    """Wait for the thread that loads, if there is one."""
    for thread in threading.enumerate():
        if thread.name == "warming":
            thread.join()


def test_a_worker_with_a_job_at_hand_does_not_begin(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, far = ends
    far.sendall(b"job")
    begins = Warming(wanted=True)
    begins.wait(near.fileno())
    assert begins.wanted


def test_a_worker_that_is_not_to_load_anything_does_not_wait(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    Warming(wanted=False).wait(ends[0].fileno())
    joined()
    assert chosen() is None


def test_without_the_extra_an_idle_worker_goes_on(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warming, "FAST", Extra("no_such_compiler", "Compiled runs"))
    Warming(wanted=True).wait(ends[0].fileno())
    joined()
    assert chosen() is None


@needs_numba
def test_an_idle_worker_has_the_kernel_compiled_and_loads_it(
    ends: tuple[socket.socket, socket.socket],
    kernel_cache: Path,
) -> None:
    Warming(wanted=True).wait(ends[0].fileno())
    joined()
    assert kernels.is_kept()
    assert chosen() is not None
    choose(None)
