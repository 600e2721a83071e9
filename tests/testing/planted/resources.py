"""Bugs that leave something behind."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from io import FileIO

import trio
from testing.planted.case import Bug, left_behind, program

__all__ = ["BUGS"]


@dataclass
class Nothing:
    """No state."""


async def lines() -> AsyncGenerator[str, None]:
    """Yield lines, and close what they come from."""
    try:
        for number in range(5):
            await trio.lowlevel.checkpoint()
            yield f"line {number}"
    finally:
        await trio.lowlevel.checkpoint()


async def find_line(state: Nothing) -> None:
    async for line in lines():
        if line == "line 2":
            break  # bug: the generator waits to be closed


async def find_line_and_close(state: Nothing) -> None:
    async with aclosing(lines()) as each:
        async for line in each:
            if line == "line 2":
                break


def open_device() -> FileIO:
    file = FileIO(os.devnull)
    left_behind.append(file.close)
    return file


async def read_file(state: Nothing) -> None:
    file = open_device()
    await trio.sleep(1)
    file.read()
    file.close()  # bug: not reached by who is cancelled


async def read_file_and_close(state: Nothing) -> None:
    with open_device() as file:
        await trio.sleep(1)
        file.read()


async def wait_and_stop(stop: threading.Event, thread: threading.Thread) -> None:
    await trio.sleep(1)
    stop.set()
    thread.join()


async def wait_and_always_stop(stop: threading.Event, thread: threading.Thread) -> None:
    try:
        await trio.sleep(1)
    finally:
        stop.set()
        thread.join()


async def use_thread(
    wait: Callable[[threading.Event, threading.Thread], Awaitable[None]], state: Nothing
) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="heartbeat", daemon=True)
    thread.start()
    left_behind.extend((thread.join, stop.set))  # the last first
    await wait(stop, thread)


BUGS = (
    Bug(
        "generator not closed",
        program(Nothing, find_line),
        program(Nothing, find_line_and_close),
    ),
    Bug(
        "descriptor left open",
        program(Nothing, read_file),
        program(Nothing, read_file_and_close),
    ),
    Bug(
        "thread left",
        program(Nothing, partial(use_thread, wait_and_stop)),
        program(Nothing, partial(use_thread, wait_and_always_stop)),
    ),
)
