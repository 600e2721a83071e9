"""Peers in one event loop: the streams of gateways to each other, which may be cut or stall."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import trio
from attrs import define, field
from support.model_database import Link

from glowback_trio import Event, Gateway
from glowback_trio.actors.broadcaster import Streamed
from glowback_trio.actors.cluster.peers import LogName, PeerError
from glowback_trio.errors import GatewayClosedError, GlowbackError

__all__ = ["Network", "PeersOf"]


@define(eq=False)
class Network:
    """The gateways that can be reached, by address, with their links to the database.

    Attributes:
        cut: Pairs of addresses between which nothing passes.
        silent: True if a cut says nothing; otherwise it is an error at once.
    """

    gateways: dict[str, tuple[Gateway, Link]] = field(factory=dict)
    cut: set[frozenset[str]] = field(factory=set)
    silent: bool = False

    async def pass_between(self, one: str, other: str) -> None:
        """Bring something from one gateway to another.

        Raises:
            PeerError: It does not arrive.
        """
        await trio.sleep(0.01)
        while frozenset((one, other)) in self.cut:
            if not self.silent:
                raise PeerError(f"{other} cannot be reached from {one}")
            await trio.sleep(0.5)
        if other not in self.gateways:
            raise PeerError(f"Nobody is at {other}")
        await self.gateways[other][1].wait_going()


@define(eq=False)
class PeersOf:
    """The peers of one gateway."""

    address: str
    network: Network

    @asynccontextmanager
    async def follow(
        self, address: str, log: LogName, after: int
    ) -> AsyncIterator[AsyncIterator[Sequence[Event]]]:
        await self.network.pass_between(self.address, address)
        gateway, _ = self.network.gateways[address]
        try:
            streamed = self._found(gateway, log)
        except GlowbackError as error:
            raise PeerError(f"{address} refuses {log}") from error
        async with aclosing(self._batches(streamed, address, after)) as batches:
            yield batches

    def _found(self, gateway: Gateway, log: LogName) -> Streamed:
        kind, name = log.named
        if kind == "run":
            run = gateway.run(name)
            run.tenure.check("followed")
            return run
        attempt = gateway.optimization(name).attempt(log.attempt)
        attempt.tenure.check("followed")
        return attempt

    async def _batches(
        self, streamed: Streamed, address: str, after: int
    ) -> AsyncGenerator[Sequence[Event], None]:
        try:
            with streamed.subscribe(after) as subscription:
                while events := await subscription.read(16):
                    await self.network.pass_between(self.address, address)
                    yield events
        except (GatewayClosedError, GlowbackError) as error:
            raise PeerError(f"{address} has broken off") from error
