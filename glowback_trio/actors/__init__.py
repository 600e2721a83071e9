"""Tasks: runs, their broadcasters, and the gateway that owns them."""

from glowback_trio.actors.broadcaster import Subscription
from glowback_trio.actors.gateway import Gateway, open_gateway, random_id
from glowback_trio.actors.run import Run

__all__ = ["Gateway", "Run", "Subscription", "open_gateway", "random_id"]
