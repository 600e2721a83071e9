"""Ids for requests that bring none."""

from __future__ import annotations

import os

from attrs import define, field

__all__ = ["RequestIds"]

# Drawn for so many ids at once, since each draw is a system call.
_DRAWN_BYTES = 16 * 256
# The variant of RFC 9562 takes two bits of a digit.
_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


@define(eq=False)
class RequestIds:
    """Makes random UUIDs of version 4 (RFC 9562, section 5.4)."""

    _digits: str = field(default="", init=False)
    _at: int = field(default=0, init=False)

    def __call__(self) -> str:
        """Return a new id."""
        if self._at >= len(self._digits):
            self._digits, self._at = os.urandom(_DRAWN_BYTES).hex(), 0
        digits = self._digits[self._at : self._at + 32]
        self._at += 32
        variant = _VARIANTS[digits[16]]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )
