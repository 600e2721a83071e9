"""The promises of a store that several gateways share: leases, holders, and news of each other.

A gateway of the cluster has a lease, which it renews. A run is held by one gateway at most, which
alone appends to its log. Whoever finds that a lease has expired fences it: from then on the store
refuses whatever the gateway of that lease still hands over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from attrs import frozen

from glowback_trio.errors import GlowbackError, StoreError
from glowback_trio.model.short_repr import describe
from glowback_trio.store.shared_state import SharedState

__all__ = [
    "LEASE_S",
    "NOTHING",
    "RENEWED_S",
    "Cluster",
    "FencedError",
    "Held",
    "HeldElsewhereError",
    "Lease",
    "LeftOut",
    "Named",
]

#: Seconds that a lease lives, and after which it is renewed, by the clock of the store.
LEASE_S = 15.0
RENEWED_S = 5.0

#: A run or an optimization, with its id.
Named = tuple[Literal["run", "optimization"], str]


class FencedError(StoreError):
    """Raised when a gateway writes whose lease has expired and was fenced.

    It was stopped or cut off for longer than a lease lives; other gateways have taken over what it
    held.
    """


class HeldElsewhereError(GlowbackError, RuntimeError):
    """Raised when a run is to be changed that another gateway of the cluster computes.

    The message names that gateway, which can change it.

    Args:
        message: What cannot be done here, and who can do it.
        address: Where that gateway is reached, a URL; None: it is not known.
    """

    code = "held_elsewhere"

    def __init__(self, message: str, address: str | None = None) -> None:
        super().__init__(message)
        self.address = address


@frozen(repr=False)
class Lease:
    """A gateway as the others see it.

    Attributes:
        epoch: Its number; a gateway that joins again has a new one, and a later one is higher.
        name: Whose it is, for people, such as `process 7 on host a`.
        address: Where its peers reach it, a URL; None: nowhere.
        version: The version of this package that it has.
        started_at: When it joined.
        seconds_left: How long the lease still lives, by the clock of the store; negative: expired.
        runs: How many runs it holds that have not ended.
    """

    epoch: int
    name: str
    address: str | None
    version: str
    started_at: datetime
    seconds_left: float
    runs: int

    @property
    def alive(self) -> bool:
        """True if the lease has not expired."""
        return self.seconds_left > 0

    def __repr__(self) -> str:
        return describe(self, str(self.epoch), self.name, seconds_left=self.seconds_left)


@frozen
class Held:
    """What a fenced gateway held, or what was taken out of the queue.

    Attributes:
        named: The run or optimization.
        owner: On whose account it is.
        paused: True if it is paused.
        fingerprint: Fingerprint of the bars that it needs; None: not known.
    """

    named: Named
    owner: str
    paused: bool = False
    fingerprint: str | None = None


@frozen
class LeftOut:
    """Queued runs that a gateway leaves to others.

    Attributes:
        fingerprints: Those that need bars of these fingerprints.
        run_ids: Those of these ids.
    """

    fingerprints: Collection[str] = ()
    run_ids: Collection[str] = ()


#: Nothing is left out.
NOTHING = LeftOut()


class Cluster(Protocol):
    """The gateways that share a store, as one of them sees them."""

    @property
    def epoch(self) -> int:
        """The number of this gateway's lease."""

    @property
    def fenced(self) -> bool:
        """True from the moment that this gateway learns that its lease was fenced, to `rejoin`."""

    async def wait_fenced(self) -> None:
        """Wait until `fenced` is true."""

    @property
    def shared(self) -> SharedState:
        """What the gateways share besides runs."""

    def advertise(self, address: str | None) -> None:
        """Let the others know, with the next renewal, where this gateway is reached."""

    def note_origin(self, named: Named, owner: str, fingerprint: str | None) -> None:
        """Keep of something that was opened just now whose it is and which bars it needs.

        Args:
            named: A run or an optimization whose first event is not handed over yet.
            owner: On whose account it is.
            fingerprint: Fingerprint of the bars; None: not known.
        """

    async def renew(self) -> bool:
        """Renew the lease; False if it was fenced.

        Raises:
            StoreError: The store cannot be reached.
        """

    async def rejoin(self) -> int:
        """Join with a new lease after a fence; return its epoch.

        Nothing that was handed over before is written. Logs that were held are followed from then
        on, and are read as they are stored.

        Raises:
            StoreError: The store cannot be reached.
        """

    async def leases(self) -> Sequence[Lease]:
        """Return the leases that are not fenced, oldest first, this gateway's included."""

    async def fence(self, epochs: Collection[int]) -> Sequence[Held]:
        """Fence leases that have expired; return what they held and has not ended.

        It is held by nobody then. A lease that was renewed meanwhile, or is fenced already, is left
        alone.
        """

    async def holders(self, named: Collection[Named]) -> Mapping[Named, Lease | None]:
        """Return who holds these; None: nobody. What has ended or is not there is left out."""

    async def claim(self, named: Named) -> bool:
        """Hold something from now on; True if this gateway does, and it has not ended.

        False if another one holds it whose lease is not fenced.
        """

    async def claim_queued(self, most: int, left_out: LeftOut = NOTHING) -> Sequence[Held]:
        """Hold queued runs that nobody holds, or that others hold and have not begun.

        By priority, then of the owner with the fewest running, then the oldest first. Paused ones
        are left. What was taken and has not begun some seconds later is given out again, perhaps to
        the same gateway.

        Args:
            most: How many at most.
            left_out: What is left to others: it keeps no other run from being taken.
        """

    async def queued(self, left_out: LeftOut) -> Sequence[Held]:
        """Return what `claim_queued` leaves out of the queue, whoever holds it, oldest first."""

    async def origin(self, named: Named) -> Held | None:
        """Return what was kept of the origin of something; None if it is not there."""

    async def release(self, named: Collection[Named]) -> None:
        """Hold these no longer, once what was handed over of them is written."""

    async def free(self) -> Sequence[Held]:
        """Return what nobody holds and has not ended, oldest first; queued runs are left out."""

    async def positions(self, named: Collection[Named]) -> Mapping[Named, int]:
        """Return how many events the newest logs of these have."""

    async def changed(self, since: datetime | None) -> tuple[Sequence[Named], datetime]:
        """Return what others have changed, and the time to ask since the next time.

        Args:
            since: What the last call gave; None: nothing is returned but the time.
        """

    async def wait_news(self) -> Collection[Named]:
        """Wait for a hint that others have changed these. Hints may be lost, never made up."""
