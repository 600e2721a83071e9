"""Tokens of what was found, kept in `.sim-regressions/` of the user's project.

There is a file for each test that has failed, meant to be committed: its first line names the test,
each other line is a token, the newest first.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

__all__ = ["KeptTokens"]

_FOLDER = ".sim-regressions"


class KeptTokens:
    """The kept tokens of one test.

    Attributes:
        path: The file; it exists while there are tokens.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._node = item.nodeid
        self._root = item.config.rootpath
        name = re.sub(r"[^\w.-]+", "_", item.nodeid)[:100]
        # Two names may look the same when they are made fit for a file.
        self.path = self._root / _FOLDER / f"{name}-{zlib.crc32(item.nodeid.encode()):08x}.txt"

    def __str__(self) -> str:
        return str(self.path.relative_to(self._root))

    def read(self) -> list[str]:
        """Return the tokens, the newest first."""
        if not self.path.is_file():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return [each.strip() for each in lines if each.strip() and not each.startswith("#")]

    def add(self, token: str) -> None:
        """Keep a token."""
        self._write([token, *(each for each in self.read() if each != token)])

    def drop(self, token: str) -> None:
        """Keep a token no longer."""
        self._write([each for each in self.read() if each != token])

    def _write(self, tokens: list[str]) -> None:
        if not tokens:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join([f"# {self._node}", *tokens, ""])
        # Replaced as a whole: a run that is killed leaves the old file or the new one.
        draft = Path(f"{self.path}.new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.path)
