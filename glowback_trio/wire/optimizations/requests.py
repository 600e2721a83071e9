"""Requests for optimizations as documents."""

from __future__ import annotations

import attrs

from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.strategies.parameters import STRATEGIES, BuyAndHold
from glowback_trio.wire.converter import Converter, Document, make_converter
from glowback_trio.wire.requests import parse_kept_request, plain_document, request_document

__all__ = ["optimization_document", "parse_kept_optimization", "parse_optimization"]

# For readers that know no custom strategies, as in `wire.requests`.
_BUILT_IN = make_converter(STRATEGIES)


def parse_optimization(document: object, converter: Converter = _BUILT_IN) -> OptimizationRequest:
    """Read a request for an optimization from a decoded document.

    Args:
        document: What a client sent.
        converter: Made by `make_converter`, for the strategies that the base backtest may name;
            left out, the built-in ones.

    Raises:
        InvalidRequestError: With every problem found.
    """
    return converter.structure(document, OptimizationRequest)


def parse_kept_optimization(document: Document, converter: Converter) -> OptimizationRequest:
    """Read a request that a store kept; a strategy that is not known now is a `LostStrategy`.

    Raises:
        InvalidRequestError: Something else in it cannot be read.
    """
    base = parse_kept_request(document["base_backtest"], converter)
    # The rest does not depend on the base, which is read apart, as runs are.
    known = request_document(attrs.evolve(base, strategy=BuyAndHold()))
    request = parse_optimization({**document, "base_backtest": known}, converter)
    return attrs.evolve(request, base_backtest=base)


def optimization_document(request: OptimizationRequest) -> Document:
    """Write a request as a document that `parse_optimization` reads as an equal one."""
    document = plain_document(request)
    for parameter in document["search_space"]["parameters"]:
        if parameter["kind"] == "int_range":
            # As a client wrote them: 5 and not 5.0.
            parameter |= {name: _whole(parameter[name]) for name in ("low", "high", "step")}
    return document


def _whole(bound: float | None) -> float | None:
    # Beyond this, JSON has no integers that everybody reads as they are.
    return int(bound) if bound is not None and abs(bound) < 1 << 53 else bound
