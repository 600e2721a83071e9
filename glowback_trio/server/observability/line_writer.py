"""Writing the log: a thread that may wait for whatever reads it, so that the server never does."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from attrs import define, field

__all__ = ["MOST_LINES", "LineWriter", "open_line_writer"]

#: Some megabytes, and seconds of a server at full load.
MOST_LINES = 10_000
# How long the last lines wait for their reader when the server has ended.
_CLOSE_S = 1.0
# How often a writer whose reader does not read looks whether the server has ended.
_LOOK_MS = 100
# So that a thread that fails again and again takes no time from the server.
_PAUSE_S = 0.1
# What a pipe takes at once. Characters that take more than a byte may make it two writes.
_AT_ONCE = select.PIPE_BUF


@define(eq=False)
class LineWriter:
    """Takes lines, never waits, and writes them to a stream in a thread. See `open_line_writer`.

    Args:
        stream: Where the lines are written.
        most: How many lines may wait for the reader of the stream; more are dropped and counted.
    """

    _stream: TextIO
    _most: int = MOST_LINES
    _waiting: deque[str] = field(factory=deque, init=False)
    _dropped: int = field(default=0, init=False)
    _changed: threading.Condition = field(factory=threading.Condition, init=False)
    _closing: bool = field(default=False, init=False)
    _given_up: bool = field(default=False, init=False)

    def put(self, line: str) -> None:
        """Hand over a line, without its line break."""
        with self._changed:
            if len(self._waiting) < self._most:
                self._waiting.append(line)
                self._changed.notify()
            else:
                self._dropped += 1

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call; 0 while there is no room."""
        with self._changed:
            if len(self._waiting) >= self._most:
                return 0
            dropped, self._dropped = self._dropped, 0
            return dropped

    def close(self) -> None:
        """Let the thread end when everything is written."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def give_up(self) -> None:
        """Let the thread end at once."""
        self._given_up = True

    def write_all(self) -> None:
        """Write lines until `close`. The thread's function."""
        ended = False
        while not ended:
            # A log that cannot be written, such as one on a full disk, is no reason to stop.
            try:
                ended = self._given_up or not self._write_next()
            except BaseException:  # noqa: BLE001 - a fault has no place to be told but this log
                with suppress(BaseException):
                    with self._changed:
                        self._dropped += 1
                    time.sleep(_PAUSE_S)

    def _write_next(self) -> bool:
        """Write the next lines; False if there will be none."""
        text = self._next()
        with suppress(OSError):
            self._write(text)
        return bool(text)

    def _next(self) -> str:
        """Wait for lines; return those that fit into one write, or a single longer one."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            text = ""
            # Whole lines, since other processes may write to the same stream.
            while self._waiting and (not text or len(text) + len(self._waiting[0]) < _AT_ONCE):
                text += self._waiting.popleft() + "\n"
            return text

    def _write(self, text: str) -> None:
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):  # a stream in memory
            self._stream.write(text)
            return
        # Past the stream's own buffer: a thread that hangs in it would hang the interpreter's end.
        rest = memoryview(text.encode(errors="backslashreplace"))
        while rest and self._writable(descriptor):
            rest = rest[os.write(descriptor, rest[:_AT_ONCE]) :]

    def _writable(self, descriptor: int) -> bool:
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        while not poll.poll(_LOOK_MS):
            if self._given_up:
                return False
        return True


@contextmanager
def open_line_writer(stream: TextIO, most: int = MOST_LINES) -> Iterator[LineWriter]:
    """Write lines to a stream for the length of a block.

    When it ends, the lines that wait are written, as far as the stream takes them within a second.
    No thread is left behind.
    """
    writer = LineWriter(stream, most)
    thread = threading.Thread(target=writer.write_all, name="log writer", daemon=True)
    thread.start()
    try:
        yield writer
    finally:
        writer.close()
        thread.join(_CLOSE_S)
        writer.give_up()
        thread.join()
