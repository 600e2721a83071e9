"""The stand-in for a custom strategy that a kept request names and that is not known now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from glowback_trio.errors import StrategyError
from glowback_trio.model.strategies.api import BarStrategy, OnBar

__all__ = ["LostStrategy", "lost_strategy"]


@frozen
class LostStrategy(BarStrategy):
    """A strategy of which only name and parameters are left. Made by `lost_strategy`.

    Its runs can be read, not computed.

    Attributes:
        params: Its parameters as they were written.
    """

    name: ClassVar[str] = "lost"
    title: ClassVar[str] = "Strategy that is not known now"

    params: Mapping[str, Any] = field(factory=dict)

    @property
    def advice(self) -> str:
        """Why a run of it cannot be computed, and what to do."""
        return (
            f"The strategy {self.name!r} is not known any more: "
            "open the gateway with its class, or start the server with --strategies"
        )

    def start(self) -> OnBar:
        """Refuse to begin a run.

        Raises:
            StrategyError: Always.
        """
        raise StrategyError(self.advice)


def lost_strategy(name: str, params: Mapping[str, Any]) -> LostStrategy:
    """Return what stands for the strategy of this name."""
    # A class of its own, because the name of a strategy is that of its class wherever it is shown.
    cls = type("LostStrategy", (LostStrategy,), {"name": name, "__doc__": LostStrategy.__doc__})
    made: LostStrategy = frozen(cls)(params)
    return made
