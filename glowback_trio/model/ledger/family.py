"""Families of strategies: the trials of one idea, which are counted together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import CodeType
from typing import Any

from attrs import fields, frozen

from glowback_trio.model.strategies.api import BarStrategy, CustomStrategy, TargetStrategy
from glowback_trio.model.strategies.parameters import Strategy

__all__ = ["Family", "family_of"]

_OURS = frozenset((*BarStrategy.__mro__, *TargetStrategy.__mro__))


@frozen
class Family:
    """A family of strategies.

    Attributes:
        name: Name of the strategy, never one of its aliases.
        fingerprint: SHA-256 of what a custom class does, as hex; None for a built-in strategy. It
            finds a class again that was given another name.
    """

    name: str
    fingerprint: str | None = None

    def is_akin(self, other: Family) -> bool:
        """Return whether trials of another family are of the same idea.

        They are under the same name, because a class that was changed and tried again is one more
        trial, and under another name if the class is the same.
        """
        if self.name == other.name:
            return True
        return self.fingerprint is not None and self.fingerprint == other.fingerprint


def family_of(strategy: type[Strategy]) -> Family:
    """Return the family of a class of strategies."""
    custom = issubclass(strategy, CustomStrategy)
    return Family(strategy.name, _fingerprint(strategy) if custom else None)


def _fingerprint(cls: type[Any]) -> str:
    """Return the SHA-256 of a class's parameters and compiled methods, as hex.

    Comments, docstrings, layout and the names of class and strategy do not change it; another
    version of Python does, since it compiles differently. Functions beside the class are left out.
    """
    said = hashlib.sha256()
    for one in fields(cls):
        said.update(f"{one.name}={_default(one.default)}\n".encode())
    for base in cls.__mro__:
        if base not in _OURS:
            for name, member in sorted(vars(base).items()):
                for code in _codes(member) if not _is_dunder(name) else ():
                    said.update(f"{name}:{_compiled(code)}\n".encode())
    return said.hexdigest()


def _default(value: object) -> str:
    # Other objects may write their place in memory, which differs from process to process.
    return repr(value) if isinstance(value, bool | int | float | str) else type(value).__name__


def _is_dunder(name: str) -> bool:
    # attrs writes these methods, and they repeat the class's name.
    return name.startswith("__") and name.endswith("__")


def _codes(member: Any) -> Iterator[CodeType]:
    """Yield the compiled functions of a method, class method, static method or property."""
    for name in ("__func__", "fget", "func", "__wrapped__"):
        member = getattr(member, name, member)
    if isinstance(code := getattr(member, "__code__", None), CodeType):
        yield code


def _compiled(code: CodeType) -> str:
    """Return what a function does, without where it stands and how it is called."""
    constants = code.co_consts
    if constants and isinstance(constants[0], str):
        # What may be the docstring. It does nothing, and where it is not, little is lost.
        constants = constants[1:]
    written = ",".join(map(_written, constants))
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {code.co_freevars} {written}"


def _written(constant: object) -> str:
    if isinstance(constant, CodeType):
        return _compiled(constant)
    if isinstance(constant, tuple | frozenset):
        parts = map(_written, constant)
        # A set's order differs from process to process.
        ordered = sorted(parts) if isinstance(constant, frozenset) else parts
        return f"({','.join(ordered)})"
    return repr(constant)
