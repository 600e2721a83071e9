"""Environment variables that nothing reads, although their names look as if something should."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["misspelt_variables", "unknown_variables"]

_PREFIX = "GLOWBACK_"
#: The variables that commands other than `serve` read.
_OF_COMMANDS = ("API_KEY", "CACHE", "DATA", "KERNEL_CACHE", "STRATEGIES", "URL")
# `URI` is near `URL`, but no other setting of the server is near any of them.
_NEAR = 0.65


def unknown_variables(environ: Mapping[str, str], known: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each variable with this program's prefix that it does not know.

    Args:
        environ: The environment.
        known: The settings of the server; the variables of other commands are known, too.
    """
    names = {*known, *(f"{_PREFIX}{name}" for name in _OF_COMMANDS)}
    for variable in sorted(environ):
        if variable.startswith(_PREFIX) and variable not in names:
            yield _sentence(variable, names)


def misspelt_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each variable that is nearly one that a command reads.

    Others may be settings of the server, whose names a command does not load.
    """
    for variable in sorted(environ):
        name = variable.removeprefix(_PREFIX)
        if name == variable or name in _OF_COMMANDS:
            continue
        if near := difflib.get_close_matches(name, _OF_COMMANDS, n=1, cutoff=_NEAR):
            yield _sentence(variable, [f"{_PREFIX}{near[0]}"])


def _sentence(variable: str, names: Iterable[str]) -> str:
    # The prefix is no part of the comparison: it alone would make all names near.
    short = [name.removeprefix(_PREFIX) for name in names]
    near = difflib.get_close_matches(variable.removeprefix(_PREFIX), short, n=1)
    hint = f"; did you mean {_PREFIX + near[0]!r}?" if near else ""
    return f"{variable} is not a variable of this program{hint}"
