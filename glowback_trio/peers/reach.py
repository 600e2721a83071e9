"""Who can be reached: noted at each attempt, and logged where it changes."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from attrs import define, field

from glowback_trio.client.http_api import without_password

__all__ = ["Reach"]

_log = logging.getLogger(__name__)


@define(eq=False)
class Reach:
    """Which peers were reached by the last attempt."""

    _reached: dict[str, bool] = field(factory=dict, init=False)

    @property
    def known(self) -> Mapping[str, bool]:
        """The addresses that were tried, with whether the last attempt reached somebody."""
        return dict(self._reached)

    def note(self, address: str, *, lost: str | None = None) -> None:
        """Note that a peer was reached, or why it was not."""
        before = self._reached.get(address)
        self._reached[address] = lost is None
        shown = without_password(address)
        if lost is not None and before is not False:
            _log.warning("The gateway at %s cannot be reached: %s", shown, lost)
        elif lost is None and before is False:
            _log.info("The gateway at %s can be reached again", shown)

    def forget_all_but(self, addresses: set[str]) -> None:
        """Forget the peers that are no longer there."""
        self._reached = {each: now for each, now in self._reached.items() if each in addresses}
