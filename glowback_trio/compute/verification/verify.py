"""Verify a run in one call, without a gateway."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from glowback_trio.compute.steps import Answered, Failed
from glowback_trio.compute.verification.job import VerifyJob
from glowback_trio.data import Source, no_checkpoint, open_source
from glowback_trio.errors import VerificationError
from glowback_trio.model.strategies.api import CustomStrategy
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.exports.run_export import RunExport, load_export, read_export
from glowback_trio.wire.exports.verdict import Verdict
from glowback_trio.wire.requests import parse_request

__all__ = ["verdict_of", "verify"]


def verify(
    export: RunExport | bytes | Path | str,
    data: Source | Path | str | None = None,
    *,
    strategies: Iterable[type[CustomStrategy]] = (),
) -> Verdict:
    """Compute a finished run again, and compare it with what was stored of it.

    Compared are, in this order: the log with the laws and its own digest, the request with the
    manifest, the bars of each symbol, every event but for its time, and every field of the result
    but for the version of the package. Of a run that was cancelled, or interrupted by a restart,
    only the events until then are compared.

    Args:
        export: An export, its bytes, or the path of its file.
        data: Where the bars come from now, as for `open_gateway`.
        strategies: Classes of strategies that the request may name besides the built-in ones.

    Raises:
        DamagedError: The export is not what was written.
        InvalidRequestError: Its request cannot be read, such as one whose strategy is unknown here.
        VerificationError: It cannot be computed here.
        OSError: The file cannot be read.
    """
    match export:
        case bytes():
            given = read_export(export)
        case Path() | str():
            given = load_export(Path(export))
        case _:
            given = export
    request = parse_request(given.request, make_converter(make_registry(strategies)))
    *_, last = VerifyJob(given, request, open_source(data)).steps(no_checkpoint)
    return verdict_of(last)


def verdict_of(last: object) -> Verdict:
    """Return the verdict that the last step of a verification holds.

    Raises:
        VerificationError: It has none: the run cannot be computed here.
    """
    match last:
        case Answered(Verdict() as verdict):
            return verdict
        case Failed(error):
            raise VerificationError(f"The run cannot be verified: {error}")
        case _:
            raise VerificationError("The run cannot be verified: nothing came of it")
