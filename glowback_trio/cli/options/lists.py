"""Lists on the command line: every option that takes several values reads them alike.

Both `--symbols AAPL,SPY` and `--symbols AAPL --symbols SPY`; and both `--param a=1,b=2` and
`--param a=1 --param b=2`. Options for `run` and `submit` also take `--param a=1 b=2`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from cyclopts import Parameter, Token, convert

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.wire.json_text import parse_json

__all__ = ["LISTED", "SPACED", "read_pairs"]

# Numbers as people write them in a shell, and JSON does not: `.5`, `5.`, `+5`.
_NUMBER = re.compile(r"[+-]?(\d+\.|\.\d+)([eE][+-]?\d+)?|\+\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)
# A comma separates two pairs only where another NAME= follows, so that a value may hold commas.
_BETWEEN_PAIRS = re.compile(r",(?=[^,=]+=)")


def _split(kind: Any, tokens: Sequence[Token]) -> Any:
    parts = [
        token.evolve(value=part.strip()) for token in tokens for part in token.value.split(",")
    ]
    return convert(kind, parts)


#: For a list of values. Without `negative_iterable` there would be `--empty-symbols` too.
LISTED = Parameter(negative_iterable=(), converter=_split)
#: In addition, for a list whose values may also be written with spaces between them.
SPACED = Parameter(negative_iterable=(), consume_multiple=True)


def read_pairs(
    flag: str, given: Iterable[str], *, names_have_equals: bool = False
) -> dict[str, Any]:
    """Read NAME=VALUE pairs. A number or JSON scalar is read as one, any other value as text.

    Args:
        flag: The option, for errors.
        given: Its values, each one pair or a comma list of pairs.
        names_have_equals: The last `=` of a pair separates name and value, not the first one.

    Raises:
        InvalidRequestError: Something is not a pair, or a name is given twice.
    """
    pairs: dict[str, Any] = {}
    for pair in (each.strip() for text in given for each in _BETWEEN_PAIRS.split(text)):
        parts = pair.rpartition("=") if names_have_equals else pair.partition("=")
        name, equals, text = (part.strip() for part in parts)
        if not (name and equals) or name in pairs:
            message = f"Input should be NAME=VALUE, each name once, not {pair!r}"
            raise InvalidRequestError([Problem("value_error", (flag,), message, pair)])
        pairs[name] = _scalar(text)
    return pairs


def _scalar(text: str) -> Any:
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        value = parse_json(text.encode())
    except InvalidRequestError:
        return text
    # Text like `[1]` stays text, and the check of the parameter that it is for reports it.
    return text if isinstance(value, list | dict) else value
