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

#: The other fields, and the one value of each that has no effect in a batch. A new field of the
#: cost model falls in here by itself: it disables the batches until they account for it. (One
#: without a default, or with a computed one, equals nothing and always does.)
_NEUTRAL = tuple((one.name, one.default) for one in fields(CostModel) if one.name not in BATCH_SAFE)


def is_batchable(costs: CostModel) -> bool:
    """Return True if the batch paths account for every cost of a cost model.

    Otherwise the broker fills every order, which is slower and never wrong.
    """
    return all(getattr(costs, name) == neutral for name, neutral in _NEUTRAL)
