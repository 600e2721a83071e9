"""Who can be reached: noted at each attempt, and logged where it changes."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from attrs import define, field

from glowback_trio.client.http_api import without_password

__all__ = ["Reach"]

_log = logging.getLogger(__name__)

# What is most likely wrong, by what the libraries say.
_ADVICE = {
    "CERTIFICATE_VERIFY_FAILED": "name the authority that has signed its certificate by --peer-ca, "
    "and let it advertise a name that is in the certificate",
    "WRONG_VERSION_NUMBER": "if it does not serve over TLS, let it advertise http://",
    "disconnected without sending": "if it serves over TLS, let it advertise https://",
}


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
            advice = [f"; {then}" for said, then in _ADVICE.items() if said in lost]
            _log.warning("The gateway at %s cannot be reached: %s%s", shown, lost, "".join(advice))
        elif lost is None and before is False:
            _log.info("The gateway at %s can be reached again", shown)

    def forget_all_but(self, addresses: set[str]) -> None:
        """Forget the peers that are no longer there."""
        self._reached = {each: now for each, now in self._reached.items() if each in addresses}
