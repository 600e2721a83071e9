"""The log: one line per request, stream and fault.

Rule: the lines are parsed as an operator's tools would parse them.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx2
import orjson
import pytest
import trio
from attrs import evolve
from support.served import Serve
from support.watcher import Watcher

from glowback_trio import Run
from glowback_trio.errors import ResourceError
from glowback_trio.server import Settings
from glowback_trio.server.http.request import NOTES, RequestNotes
from glowback_trio.server.observability.logs import log_access, logging_to
from glowback_trio.serving import FaultRecord, RequestFacts, RequestRecord

Watch = Callable[..., Awaitable[Watcher]]

LOGGERS = ("glowback_trio",)
FACTS = RequestFacts("GET", "/backtests", ("127.0.0.1", 5000), {NOTES: RequestNotes("abc")})
NextLine = Callable[[], Awaitable[str]]

RECORD = RequestRecord(facts=FACTS, status=200, complete=True, duration=0.01, sent_bytes=300)


@pytest.fixture
def next_line(capsys: pytest.CaptureFixture[str]) -> NextLine:
    """Return the next line of the log, which a thread writes a little later than it was logged."""

    async def wait() -> str:
        text = ""
        while not text.endswith("\n"):
            await trio.lowlevel.checkpoint()
            text += capsys.readouterr().err
        return text

    return wait


async def test_every_request_leaves_one_line(serve_with: Serve, next_line: NextLine) -> None:
    url = await serve_with(stall_log_ms=0)
    async with httpx2.AsyncClient(base_url=url) as http:
        response = await http.get("/v1/backtests?limit=3", headers={"X-Request-ID": "mine"})
    assert response.status_code == 200
    line = orjson.loads(await next_line())
    assert line["event"] == "request"
    assert line["level"] == "info"
    assert line["request_id"] == "mine"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/backtests", 200)
    assert line["client"] == "127.0.0.1"
    assert line["duration"] >= 0
    moment = datetime.fromisoformat(line["timestamp"])
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 3600


async def test_every_stream_leaves_one_line_and_no_key(
    serve_with: Serve,
    finished: Run,
    watch: Watch,
    next_line: NextLine,
) -> None:
    url = await serve_with(api_keys=("topsecret",), stall_log_ms=0)
    await watch(f"{url}/backtests/{finished.run_id}/stream?api_key=topsecret")
    text = await next_line()
    line = orjson.loads(text)
    assert (line["event"], line["close_code"]) == ("websocket", 1000)
    assert line["path"] == f"/backtests/{finished.run_id}/stream"
    assert line["request_id"]
    assert "topsecret" not in text


@pytest.mark.parametrize("status", [401, 403, 413, 429])
def test_rejections_are_warnings(status: int) -> None:
    stream = io.StringIO()
    with logging_to(Settings(log_level="WARNING"), stream):
        log_access(evolve(RECORD, status=status))
        log_access(evolve(RECORD, status=404))
    (line,) = stream.getvalue().splitlines()
    assert orjson.loads(line)["status"] == status


def test_a_fault_comes_with_its_traceback() -> None:
    stream = io.StringIO()
    with pytest.raises(OSError, match="broken") as caught:
        raise OSError(5, "broken")
    with logging_to(Settings(), stream):
        log_access(FaultRecord(where="connection", error=caught.value))
    line = orjson.loads(stream.getvalue())
    assert line["level"] == "error"
    assert "OSError: [Errno 5] broken" in line["exception"]


@pytest.mark.parametrize("settings", [Settings(), Settings(log_format="text")])
def test_a_line_stays_one_line_whatever_a_client_sends(settings: Settings) -> None:
    stream = io.StringIO()
    with logging_to(settings, stream):
        facts = evolve(FACTS, path='/a\n{"event": "forged"}\r\x1b[31m')
        log_access(evolve(RECORD, facts=facts))
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_other_parts_of_the_package_log_in_the_same_form() -> None:
    stream = io.StringIO()
    with logging_to(Settings(), stream):
        logging.getLogger("glowback_trio.compute.job").warning("watch out: %s", "x")
    line = orjson.loads(stream.getvalue())
    assert (line["event"], line["logger"]) == ("watch out: x", "glowback_trio.compute.job")


def test_being_out_of_file_descriptors_is_one_line_of_the_log_without_a_traceback() -> None:
    stream = io.StringIO()
    with logging_to(Settings(), stream):
        log_access(FaultRecord(where="accept", error=ResourceError("open files")))
    line = orjson.loads(stream.getvalue())
    assert line["level"] == "warning"
    assert line["event"] == "No connection can be accepted: out of open files"
    assert "exception" not in line


@pytest.mark.parametrize("name", LOGGERS)
def test_a_program_that_has_its_own_handler_keeps_it(name: str) -> None:
    logger, theirs = logging.getLogger(name), logging.NullHandler()
    logger.addHandler(theirs)
    try:
        with logging_to(Settings(), io.StringIO()):
            assert logger.handlers == [theirs]
    finally:
        logger.removeHandler(theirs)


@pytest.mark.parametrize("name", LOGGERS)
def test_logging_ends_with_its_block(name: str) -> None:
    logger = logging.getLogger(name)
    before = (logger.handlers[:], logger.level, logger.propagate)
    with logging_to(Settings(), io.StringIO()):
        assert logger.handlers != before[0]
    assert (logger.handlers, logger.level, logger.propagate) == before
