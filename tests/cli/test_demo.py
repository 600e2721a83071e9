"""`demo` and `data path`: what a new user runs first, in an empty directory and on a terminal.

Rule: the terminal is a real pseudo-terminal, and nothing is left behind in the directory.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from glowback_trio.data import demo_path

Glowback = Callable[..., "subprocess.CompletedProcess[str]"]

NEVER = rb"(?!)"


def test_the_demo_runs_in_an_empty_directory_and_leaves_it_empty(
    glowback: Glowback, tmp_path: Path
) -> None:
    ended = glowback("demo")
    assert (ended.returncode, ended.stderr) == (0, "")
    for word in ("AAPL, SPY, IBM", "Final value", "Max drawdown", "Next:", "glowback-trio serve"):
        assert word in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_commands_that_the_demo_suggests_work(glowback: Glowback) -> None:
    suggested = [
        line.split()[1:]
        for line in glowback("demo").stdout.splitlines()
        if line.startswith("glowback-trio ")
    ]
    assert [words[0] for words in suggested] == ["run", "serve"]
    assert glowback(*suggested[0]).returncode == 0
    assert glowback(*suggested[1], "--help").returncode == 0


@contextmanager
def demo_on_a_terminal(
    environment: dict[str, str], directory: Path
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the demo with a pseudo-terminal as stderr; yield its other end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "glowback_trio", "demo"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=directory,
        env={**environment, "TERM": "xterm-256color"},
    ) as process:
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()
            os.close(ours)


def read_until(pattern: bytes, terminal: int) -> bytes:
    """Return what is drawn up to a pattern, or to the end if it never appears."""
    drawn = b""
    while not re.search(pattern, drawn) and (chunk := _read(terminal)):
        drawn += chunk
    return drawn


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how a terminal says that its last writer has left
        return b""


def test_a_terminal_shows_the_run_s_progress(environment: dict[str, str], tmp_path: Path) -> None:
    with demo_on_a_terminal(environment, tmp_path) as (process, terminal):
        drawn = read_until(NEVER, terminal)
        assert process.stdout is not None
        summary = process.stdout.read()
        assert process.wait() == 0
    assert b"Final value" in summary
    assert b"\x1b" not in summary
    assert re.search(rb"201[5-9]-", drawn)  # in the middle of the run, not only at its end
    assert b"fills" in drawn


def test_an_interrupt_ends_the_demo_quietly_with_130(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with demo_on_a_terminal(environment, tmp_path) as (process, terminal):
        assert b"-" in read_until(rb"20\d\d-", terminal)
        process.send_signal(signal.SIGINT)
        drawn = read_until(NEVER, terminal)
        assert process.wait() == 130
    assert b"Traceback" not in drawn


def test_data_path_prints_the_directory_of_the_shipped_prices(glowback: Glowback) -> None:
    assert Path(glowback("data", "path").stdout.strip()) == demo_path()


def test_data_list_shows_the_shipped_prices(glowback: Glowback) -> None:
    shown = glowback("data", "list", "--data", "demo").stdout
    rows = [line.split() for line in shown.splitlines() if " csv " in line]
    assert [row[0] for row in rows] == ["AAPL", "IBM", "SPY"]
    assert rows[0][2:] == ["day", "2015-01-02", "2020-12-31", "1,511"]
