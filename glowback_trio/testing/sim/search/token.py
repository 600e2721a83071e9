"""A round as a short text that can be copied and pasted.

`sim1_random_7_deadlock_12r1n3-40c_318_s100000v86400_1f0c9a2b_6e4d`: version, strategy, seed, kind,
deviations, steps, limits, a checksum over the steps, and one over the text before it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from glowback_trio.testing.sim.errors import StaleTokenError
from glowback_trio.testing.sim.loop.choices import DRAW, Deviation

__all__ = ["Token", "read_token"]

_VERSION = "sim1"
_LETTERS = {
    "run": "r",
    "choose": "h",
    "cancel": "c",
    "timeout": "t",
    "closed": "x",
    "broken": "b",
    "slow": "s",
}
_WHATS = {letter: what for what, letter in _LETTERS.items()}
_DEVIATION = re.compile(r"(\d+)([a-z])(\d*)(?:d(\d+))?(?:n(\d+))?")
_LIMITS = re.compile(r"s(\d+)v([\d.e+inf]+)(?:l(\d+))?")


@dataclass(frozen=True, slots=True)
class Token:
    """The contents of a token.

    Attributes:
        strategy: How the round was found.
        seed: The seed of the search that found it.
        kind: What was found.
        deviations: The choices of the round.
        steps: How many task steps it took.
        max_steps: The limit of task steps.
        max_virtual_s: The limit of virtual seconds.
        max_lines: The limit of lines in a step; None for none.
        fingerprint: The checksum over the steps.
    """

    strategy: str
    seed: int
    kind: str
    deviations: tuple[Deviation, ...]
    steps: int
    max_steps: int
    max_virtual_s: float
    max_lines: int | None
    fingerprint: str

    def __str__(self) -> str:
        fields = (
            _VERSION,
            self.strategy,
            self.seed,
            self.kind,
            "-".join(map(_written, self.deviations)) or "0",
            self.steps,
            _limits(self),
            self.fingerprint,
        )
        text = "_".join(map(str, fields))
        return f"{text}_{_checksum(text)}"


def _written(each: Deviation) -> str:
    draw, value = divmod(each.which, DRAW)
    return "".join(
        (
            f"{each.step}{_LETTERS[each.what]}",
            str(value) if value else "",
            f"d{draw}" if draw else "",
            f"n{each.among}" if each.among else "",
        )
    )


def _limits(token: Token) -> str:
    lines = "" if token.max_lines is None else f"l{token.max_lines}"
    return f"s{token.max_steps}v{token.max_virtual_s:.12g}{lines}"


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()) & 0xFFFF:04x}"


def read_token(text: str) -> Token:
    """Read a token.

    Raises:
        StaleTokenError: It is damaged, or of another version of the kit.
    """
    fields = text.strip().split("_")
    if fields[0] != _VERSION:
        raise StaleTokenError(
            f"a token of this version begins with {_VERSION}_, and this one does not: {text!r}. "
            "Look for the fault again with find()"
        )
    body = "_".join(fields[:-1])
    if len(fields) != 9 or _checksum(body) != fields[-1]:
        raise StaleTokenError(
            f"the token is damaged, for its checksum does not fit: {text!r}. Copy all of it"
        )
    limits = _LIMITS.fullmatch(fields[6])
    assert limits is not None
    return Token(
        strategy=fields[1],
        seed=int(fields[2]),
        kind=fields[3],
        deviations=tuple(_read(fields[4])),
        steps=int(fields[5]),
        max_steps=int(limits[1]),
        max_virtual_s=float(limits[2]),
        max_lines=None if limits[3] is None else int(limits[3]),
        fingerprint=fields[7],
    )


def _read(text: str) -> Sequence[Deviation]:
    if text == "0":
        return ()
    found = [_DEVIATION.fullmatch(each) for each in text.split("-")]
    return [
        Deviation(
            int(each[1]),
            _WHATS[each[2]],
            int(each[4] or 0) * DRAW + int(each[3] or 0),
            int(each[5] or 0),
        )
        for each in found
        if each
    ]
