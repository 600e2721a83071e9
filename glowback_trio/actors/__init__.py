"""Actors: runs, their logs' readers and writers, and the gateway that owns their tasks.

Belongs here: whatever starts a task or lives in one, and the embedding API.
Never here: arithmetic, file formats, where things are stored or computed, HTTP.
May be imported by: `server`, `cli` and `testing`.
"""

from glowback_trio.actors.broadcaster import Streamed, Subscription
from glowback_trio.actors.changes.change_log import ChangeLog
from glowback_trio.actors.changes.subscription import ChangeSubscription
from glowback_trio.actors.gateway import Gateway
from glowback_trio.actors.gateway_opening import open_gateway, random_id
from glowback_trio.actors.optimizations.attempt import Attempt
from glowback_trio.actors.optimizations.optimization import Optimization
from glowback_trio.actors.run import Run
from glowback_trio.actors.runs.difference import LogDifference

__all__ = [
    "Attempt",
    "ChangeLog",
    "ChangeSubscription",
    "Gateway",
    "LogDifference",
    "Optimization",
    "Run",
    "Streamed",
    "Subscription",
    "open_gateway",
    "random_id",
]
