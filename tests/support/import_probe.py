"""A strategy whose module writes down what the process imports after it, for `--strategies`.

Rule: it writes with one system call per module, so that it needs nothing that it would report.
"""

from __future__ import annotations

import os
import sys
from typing import Any, ClassVar

from attrs import frozen

from glowback_trio import BarStrategy
from glowback_trio.model.strategies.api import OnBar

_file = os.open(os.environ["IMPORTS_TO"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "import" and arguments[0] not in sys.modules:
        os.write(_file, f"{arguments[0]}\n".encode())


sys.addaudithook(_note)


@frozen
class Probe(BarStrategy):
    """Is never run: a worker would report its own imports."""

    name: ClassVar[str] = "probe"
    title: ClassVar[str] = "Probe"

    def start(self) -> OnBar:
        raise AssertionError
