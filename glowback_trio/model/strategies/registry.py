"""The offer: all strategies that a request may name, built-in ones and the operator's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from glowback_trio.errors import StrategyError
from glowback_trio.model.strategies.api import (
    BarStrategy,
    CustomStrategy,
    TargetStrategy,
    check_class,
)
from glowback_trio.model.strategies.parameters import STRATEGIES, UNSUPPORTED, Strategy

__all__ = ["Offer", "by_every_name", "offer"]

#: Classes of strategies by name.
Offer = Mapping[str, type[Strategy]]


def offer(own: Iterable[type[CustomStrategy]] = ()) -> Offer:
    """Offer strategies of one's own beside the built-in ones.

    Args:
        own: Classes derived from `BarStrategy` or `TargetStrategy`.

    Raises:
        StrategyError: One of them is no such class or not whole, or a name or alias is taken.
    """
    offered = dict(STRATEGIES)
    for given in own:
        cls = _checked(given)
        _check_free(cls, offered)
        offered[cls.name] = cls
    return MappingProxyType(offered)


def by_every_name(offered: Offer) -> Offer:
    """The same, aliases included."""
    aliases = {alias: cls for cls in offered.values() for alias in cls.aliases}
    return {**offered, **aliases}


def _checked(given: object) -> type[BarStrategy | TargetStrategy]:
    if not (isinstance(given, type) and issubclass(given, BarStrategy | TargetStrategy)):
        raise StrategyError(
            f"a strategy is a class derived from BarStrategy or TargetStrategy, not {given!r}"
        )
    check_class(given)
    return given


def _check_free(cls: type[CustomStrategy], offered: Offer) -> None:
    taken = by_every_name(offered)
    for name in (cls.name, *cls.aliases):
        if name in taken or name in UNSUPPORTED:
            other = taken[name].__name__ if name in taken else "something this engine lacks"
            raise StrategyError(f"{cls.__name__}: the name {name!r} is taken by {other}")
