"""The writer of the log: whatever becomes of the reader, `put` returns at once and the thread ends.

Doctrine: real pipes, of which nobody reads the other end until a test does; a thread that is left
fails every test by the rule for all of them.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from glowback_trio.server import Settings
from glowback_trio.server.observability.line_writer import open_line_writer
from glowback_trio.server.observability.logs import logging_to

LINE = "x" * 200


@contextmanager
def unread_pipe() -> Iterator[tuple[int, TextIO]]:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        try:
            yield reader, stream
        finally:
            os.close(reader)


def read_lines(reader: int, least: int) -> str:
    """Read until at least so many lines have ended."""
    text = b""
    while text.count(b"\n") < least:
        text += os.read(reader, 1 << 16)
    return text.decode()


def test_lines_are_written_in_order_before_the_block_ends() -> None:
    stream = io.StringIO()
    with open_line_writer(stream) as writer:
        for number in range(1000):
            writer.put(f"line {number}")
    assert stream.getvalue().splitlines() == [f"line {number}" for number in range(1000)]


def test_a_pipe_that_is_never_read_holds_up_neither_put_nor_the_end() -> None:
    with unread_pipe() as (_, stream), open_line_writer(stream, most=500) as writer:
        for _ in range(5_000):  # 1 MB, and a pipe takes 64 KiB
            writer.put(LINE)


def test_what_found_no_room_is_counted_once_there_is_room() -> None:
    with unread_pipe() as (reader, stream), open_line_writer(stream, most=10) as writer:
        for _ in range(5_000):
            writer.put(LINE)
        assert writer.take_dropped() == 0  # no room yet to say so
        arrived = 0
        while not (dropped := writer.take_dropped()):
            arrived += read_lines(reader, 1).count("\n")
        while arrived + dropped < 5_000:
            arrived += read_lines(reader, 1).count("\n")
        assert arrived + dropped == 5_000


def test_the_log_says_how_many_of_its_lines_were_lost() -> None:
    logger = logging.getLogger("glowback_trio.test")
    with unread_pipe() as (reader, stream), logging_to(Settings(), stream, most=10):
        for _ in range(5_000):
            logger.info(LINE)
        text = ""
        while "were lost" not in text:
            logger.info("one more")
            text += read_lines(reader, 1)
    line = next(line for line in text.splitlines() if "were lost" in line)
    assert '"level": "warning"' in line


def test_a_reader_that_is_gone_costs_lines_only() -> None:
    reader, end = os.pipe()
    os.close(reader)
    with os.fdopen(end, "w") as stream, open_line_writer(stream) as writer:
        for _ in range(100):
            writer.put(LINE)


def test_a_line_longer_than_a_pipe_takes_at_once_arrives_whole() -> None:
    with unread_pipe() as (reader, stream), open_line_writer(stream) as writer:
        writer.put("ü" * 40_000)
        assert read_lines(reader, 1) == "ü" * 40_000 + "\n"
