"""The gate to the batch paths: an allow-list over the fields of the cost model."""

from __future__ import annotations

from attrs import fields

from glowback_trio.engine.execution.costs import CostModel

__all__ = ["BATCH_SAFE", "is_batchable"]

#: Fields that the batch paths account for, whatever their value. `latency` decides which bar an
#: order is due on, `allow_short` is applied to targets before they come here, and a market order
#: never pays `maker_rate`. `buying` and `selling` follow from `slippage`.
BATCH_SAFE = frozenset(
    {
        "slippage",
        "buying",
        "selling",
        "rate",
        "maker_rate",
        "per_share",
        "minimum",
        "leverage",
        "whole_shares",
        "allow_short",
        "latency",
    }
)


def is_batchable(costs: CostModel) -> bool:
    """Return True if the batch paths account for everything that a cost model asks for.

    A field that is not declared safe has to be at its default. So a cost that is new, and that
    these paths have not been taught, makes the broker fill every order: slower, never wrong. (A
    field without a default, or with a computed one, equals nothing and does the same.)
    """
    return all(
        one.name in BATCH_SAFE or getattr(costs, one.name) == one.default
        for one in fields(CostModel)
    )
