"""Verify a report: compute again what it is about, and compare every number that it shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from glowback_trio.compute.verification.bars import same_bars
from glowback_trio.compute.verification.log_comparison import DiffersError
from glowback_trio.data import Source, open_source
from glowback_trio.engine.backtest import backtest
from glowback_trio.errors import DamagedError
from glowback_trio.model.optimization.overlay import loading_request
from glowback_trio.model.strategies.api import CustomStrategy
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.reports.checks import read_checks
from glowback_trio.reports.optimization.page import optimization_digest
from glowback_trio.reports.subjects import Comparison, ReportedRun
from glowback_trio.reports.writing import Form, Subject, report
from glowback_trio.search.optimize import optimize
from glowback_trio.version import VERSION
from glowback_trio.wire.converter import Converter, make_converter
from glowback_trio.wire.exports.result_digests import result_digests
from glowback_trio.wire.exports.verdict import Difference, Verdict
from glowback_trio.wire.optimizations.requests import parse_optimization
from glowback_trio.wire.requests import parse_request

__all__ = ["is_report", "verify_report"]

MOST_BYTES = 1 << 28


@frozen
class _Verifier:
    """The prices and the strategies by which a run is computed again.

    Attributes:
        source: Where bars come from now.
        converter: Reads requests.
    """

    source: Source
    converter: Converter

    def run(self, checks: Mapping[str, Any]) -> tuple[ReportedRun, int]:
        """Compute a run again, and return it with the number of its symbols.

        Raises:
            DiffersError: Bars or result are not what they were.
        """
        manifest = checks["manifest"]
        request = parse_request(manifest["replay_request"], self.converter)
        dataset = self.source.load(request)
        symbols = sum(1 for _ in same_bars(manifest, dataset))
        result = backtest(request, dataset)
        _compare_digests(checks["digests"], result_digests(result))
        known = {name: checks[name] for name in ("labels", "overfit", "log")}
        # The page says which version computed it, which is no part of what is compared.
        stated = evolve(result, manifest={**result.manifest, "engine": manifest["engine"]})
        return ReportedRun(stated, checks["run_id"], **known), symbols

    def optimization(self, checks: Mapping[str, Any]) -> Subject:
        """Search again.

        Raises:
            DiffersError: Something else is found.
        """
        request = parse_optimization(checks["request"], self.converter)
        loading = loading_request(request.base_backtest, request.search_space)
        found = optimize(request, self.source.load(loading))
        if optimization_digest(found) != checks["digest"]:
            raise _differs("result", "The search finds something else now", "digest")
        ledger = checks["ledger"]
        more = {} if ledger is None else {"ledger": ledger}
        return evolve(
            found,
            optimization_id=checks["optimization_id"],
            diagnostics={**found.diagnostics, **more},
        )


def is_report(path: Path) -> bool:
    """Return True for a file that a verification should read as a report, by its ending."""
    return path.suffix.lower() in (".html", ".htm", ".md", ".json")


def verify_report(
    file: Path | str,
    data: Source | Path | str | None = None,
    *,
    strategies: Iterable[type[CustomStrategy]] = (),
) -> Verdict:
    """Compute again what a report is about, and compare all that it shows.

    Compared are, in this order: the bars of each symbol, the result, by the digests that the report
    holds, and the whole text of the report, written again, if the same version of the package has
    written it. What comes from other runs, the trials that a server's ledger had counted, is taken
    as the report says it.

    Args:
        file: The report: HTML, Markdown or JSON.
        data: Where the bars come from now, as for `open_gateway`.
        strategies: Classes of strategies that the request may name besides the built-in ones.

    Raises:
        DamagedError: The file is no report.
        InvalidRequestError: Its request cannot be read, or its bars cannot be loaded.
        DataError: Its bars cannot be used.
        OSError: The file cannot be read.
    """
    text = _read(Path(file))
    checks = read_checks(text)
    verifier = _Verifier(open_source(data), make_converter(make_registry(strategies)))
    symbols, difference = 0, None
    try:
        subject, symbols = _again(checks, verifier)
        if checks["written_by"] == VERSION:
            _compare_texts(text, report(subject, form=_form_of(text)))
    except DiffersError as error:
        difference = error.difference
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"The report is damaged: {error!r} is not what it should be") from error
    return Verdict(
        run_id=_named(checks),
        difference=difference,
        symbols=symbols,
        events=0,
        computed_then_by=str(checks.get("written_by")),
        computed_now_by=VERSION,
    )


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise DamagedError(f"The report is too large: it may have {MOST_BYTES:,} bytes")
    try:
        # A program that has kept the file may have ended its lines as its system does.
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DamagedError(f"This is no report: it is not UTF-8 ({error})") from None


def _again(checks: Mapping[str, Any], verifier: _Verifier) -> tuple[Subject, int]:
    match checks["kind"]:
        case "run":
            return verifier.run(checks)
        case "comparison":
            runs = [verifier.run(each) for each in checks["runs"]]
            return Comparison([run for run, _ in runs]), sum(count for _, count in runs)
        case "optimization":
            return verifier.optimization(checks), 0
        case kind:
            raise DamagedError(
                f"The report is about {kind!r:.40}, which this package does not know"
            )


def _named(checks: Mapping[str, Any]) -> str:
    ids = [checks.get("run_id") or checks.get("optimization_id") or ""]
    if isinstance(runs := checks.get("runs"), Sequence):
        ids = [each["run_id"] for each in runs]
    return ", ".join(filter(None, ids)) or "the report"


def _form_of(text: str) -> Form:
    if text.startswith("<"):
        return "html"
    return "json" if text.startswith("{") else "md"


def _compare_digests(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    for name, digest in now.items():
        if then.get(name) != digest:
            message = f"The result differs: {name} is not what it was"
            raise _differs("result", message, name, then.get(name), digest)


def _compare_texts(then: str, now: str) -> None:
    """Compare a report with the one that is written now, place by place.

    Raises:
        DiffersError: They differ.
    """
    if then.strip() == now.strip():
        return
    pairs = enumerate(zip(then, now, strict=False))
    place = next((n for n, (one, other) in pairs if one != other), min(len(then), len(now)))
    begin = max(0, place - 30)
    shown_then, shown_now = then[begin : place + 50], now[begin : place + 50]
    message = (
        "The report has been changed: bars and result are the same, but the text says "
        f"{shown_then!r}, and should say {shown_now!r}"
    )
    raise _differs("page", message, f"character {place + 1}", shown_then, shown_now)


def _differs(
    part: Any, message: str, field: str, then: object = None, now: object = None
) -> DiffersError:
    return DiffersError(Difference(part=part, message=message, field=field, then=then, now=now))
