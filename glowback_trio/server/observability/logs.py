"""One line per request, per stream and per fault, on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from typing import Any, TextIO

import structlog

from glowback_trio.errors import ResourceError
from glowback_trio.server.http.request import RequestNotes
from glowback_trio.server.observability.line_writer import MOST_LINES, LineWriter, open_line_writer
from glowback_trio.server.settings import Settings
from glowback_trio.serving import FaultRecord, Record, RequestFacts, RequestRecord, WebSocketRecord

__all__ = ["log_access", "logging_to"]

_LOGGERS = ("glowback_trio",)
_REFUSALS = (401, 403, 413, 429)

_log = logging.getLogger(__name__)


@contextmanager
def logging_to(
    settings: Settings, stream: TextIO | None = None, most: int = MOST_LINES
) -> Iterator[None]:
    """Write the server's log for the length of a block.

    The logger gets a handler only if it has none: a program's own handler stays, and so does that
    of the first of several servers in one process. No handler is left behind.

    Args:
        settings: Format and level.
        stream: Where the log is written; None: stderr.
        most: How many lines may wait for the reader of the stream.
    """
    with ExitStack() as handled:
        handler = _Handler(handled.enter_context(open_line_writer(stream or sys.stderr, most)))
        handler.setFormatter(_formatter(settings))
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            if not logger.handlers:
                handled.enter_context(_handling(logger, handler, settings.log_level))
        yield


class _Handler(logging.Handler):
    """Hands formatted lines to a writer, and says how many found no room before."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        if dropped := self._writer.take_dropped():
            lost = f"{dropped:,} lines of the log were lost: they are read too slowly"
            told = logging.LogRecord(__name__, logging.WARNING, "", 0, lost, None, None)
            self._writer.put(self.format(told))
        self._writer.put(self.format(record))


@contextmanager
def _handling(logger: logging.Logger, handler: logging.Handler, level: str) -> Iterator[None]:
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level)
    # The root logger may have a handler, too, which would write every line twice.
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before


def _formatter(settings: Settings) -> logging.Formatter:
    writer: Any = structlog.processors.JSONRenderer(default=str)
    if settings.log_format == "text":
        # With repr, a line break in a client's path cannot begin another log line.
        writer = structlog.dev.ConsoleRenderer(colors=False, repr_native_str=True)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(allow=["access"]),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _spread,
            structlog.processors.format_exc_info,
            writer,
        ],
    )


def _spread(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Merge the fields of an access record into the event."""
    access = event.pop("access", {})
    return {**event, **access}


def log_access(record: Record) -> None:
    """Log a record of the serving room: one line, its paths without their queries."""
    match record:
        case FaultRecord(where="accept", error=ResourceError(resource=resource)):
            _log.warning("No connection can be accepted: out of %s", resource)
        case FaultRecord():
            _log.error("A connection failed", exc_info=record.error)
        case RequestRecord():
            _log_line("request", record.facts, record.status, _response_fields(record))
        case WebSocketRecord():
            _log_line("websocket", record.facts, record.status, _close_fields(record))


def _log_line(
    event: str, facts: RequestFacts, status: int | None, fields: dict[str, object]
) -> None:
    level = logging.WARNING if status in _REFUSALS else logging.INFO
    # Checked here, because building the fields costs more than most requests may.
    if not _log.isEnabledFor(level):
        return
    notes, peer = RequestNotes.of(facts.state), facts.client and facts.client[0]
    access = {
        "method": facts.method,
        "path": facts.path,
        "client": notes.client or peer,
        "status": status,
        **fields,
        "request_id": notes.request_id,
    }
    _log.log(level, event, extra={"access": access})


def _response_fields(record: RequestRecord) -> dict[str, object]:
    if record.duration is None:
        return {"complete": record.complete}
    measured = {"duration": record.duration, "bytes": record.sent_bytes}
    return {"complete": record.complete, **measured}


def _close_fields(record: WebSocketRecord) -> dict[str, object]:
    return {
        "close_code": record.close_code,
        "close_reason": record.close_reason,
        "duration": record.duration,
        "bytes": record.sent_bytes,
    }
