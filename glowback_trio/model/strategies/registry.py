"""The registry: all strategies that a request may name, the built-in ones and custom ones."""

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

__all__ = ["StrategyRegistry", "make_registry", "with_aliases"]

#: Classes of strategies by name.
StrategyRegistry = Mapping[str, type[Strategy]]


def make_registry(custom: Iterable[type[CustomStrategy]] = ()) -> StrategyRegistry:
    """Make a registry of the built-in strategies and custom ones.

    Args:
        custom: Classes derived from `BarStrategy` or `TargetStrategy`.

    Raises:
        StrategyError: A class is not a strategy, or is incomplete, or its name or an alias is
            taken.
    """
    registry = dict(STRATEGIES)
    for given in custom:
        cls = _checked(given)
        _check_free(cls, registry)
        registry[cls.name] = cls
    # Read-only, because a converter and the API description are made from it once.
    return MappingProxyType(registry)


def with_aliases(registry: StrategyRegistry) -> StrategyRegistry:
    """Return a registry in which aliases are names as well."""
    aliases = {alias: cls for cls in registry.values() for alias in cls.aliases}
    return {**registry, **aliases}


def _checked(given: object) -> type[BarStrategy | TargetStrategy]:
    if not (isinstance(given, type) and issubclass(given, BarStrategy | TargetStrategy)):
        raise StrategyError(
            f"a strategy is a class derived from BarStrategy or TargetStrategy, not {given!r}"
        )
    check_class(given)
    return given


def _check_free(cls: type[CustomStrategy], registry: StrategyRegistry) -> None:
    taken = with_aliases(registry)
    for name in (cls.name, *cls.aliases):
        if name in taken or name in UNSUPPORTED:
            other = taken[name].__name__ if name in taken else "something this engine lacks"
            raise StrategyError(f"{cls.__name__}: the name {name!r} is taken by {other}")
