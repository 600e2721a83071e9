"""Digests of a result, one for each of its parts, by which it is compared without being kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from glowback_trio.model.result import Result
from glowback_trio.wire.exports.packed_result import Arrays, as_json, taken_apart

__all__ = ["result_digests"]


def result_digests(result: Result) -> Mapping[str, str]:
    """Return a SHA-256 for each field of a result, by its name.

    The version of the package in the manifest is left out: it is no part of what was computed. Two
    results have the same digests if and only if they are the same, bit for bit.
    """
    manifest = {name: value for name, value in result.manifest.items() if name != "engine"}
    compared = attrs.evolve(result, manifest=manifest)
    names = [field.name for field in attrs.fields(Result)]
    return {name: f"sha256:{_digest(getattr(compared, name))}" for name in names}


def _digest(part: Any) -> str:
    arrays: Arrays = {}
    # The arrays of a part stand at paths of their own, in the order of its fields.
    document = taken_apart(part, "", arrays)
    content = hashlib.sha256(
        json.dumps(document, default=as_json, separators=(",", ":"), sort_keys=True).encode()
    )
    for path, array in arrays.items():
        content.update(f"{path} {array.dtype.str} {array.shape}".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()
