"""The browser module in a real browser: streams, cut connections, refusals and ends.

The browser runs in a thread of its own, because its driver blocks; the server runs in the test.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve, frozen
from quart_trio.wrappers import TrioResponse as Response
from support.cutting_proxy import open_cutting_proxy
from support.served import TWO_YEARS, completed
from support.served_searches import search

from glowback_trio import Run, Stream, open_gateway, serving
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, create_app
from glowback_trio.wire.optimizations.requests import parse_optimization

CHROMIUM = Path("/usr/bin/chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if not CHROMIUM.exists():
    pytest.skip(f"there is no {CHROMIUM}", allow_module_level=True)

# Browsers do not know this name as local, so that pages from it are no secure contexts.
INSECURE_HOST = "server.example"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1",
)
PAGE = """<!doctype html><link rel="icon" href="data:,"><title>Watch</title><script type="module">
import { StreamError, streamChanges, streamOptimization, streamRun } from "/glowback-stream.js";
const enough = new Error("enough");
window.follow = async (base, id, options, { breakAfter, abortAfter, optimization, until } = {}) => {
  const events = [], abort = new AbortController();
  try {
    const stream = optimization ? streamOptimization : streamRun;
    const given = { ...options, signal: abort.signal };
    for await (const event of until ? streamChanges(base, given) : stream(base, id, given)) {
      events.push(event);
      if (until && event.payload.state === until) break;
      if (events.length === breakAfter) break;
      if (events.length === abortAfter) setTimeout(() => abort.abort(enough));
    }
    return { events, error: null };
  } catch (error) {
    return { events, error: error.message, final: error instanceof StreamError };
  }
};
</script>"""
POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; img-src data:; connect-src *"
# How a text is changed on the way, and the error of the module.
LIES = [
    ((b"Simulated", b"simulated"), "the digest of the received events is sha256:"),
    ((b'"event_count":', b'"event_c0unt":'), "event "),
    ((b'{"event_id":2,', b'{"event_id":3,'), "event 3 came after event 1"),
]
TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "sse"])


@frozen
class Seen:
    """What a page received, and the errors in its console."""

    events: list[dict[str, Any]]
    error: str | None
    final: bool
    errors: list[str]


def in_a_browser(page_url: str, arguments: Sequence[object]) -> Seen:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        errors: list[str] = []
        page.on(
            "console", lambda entry: errors.append(entry.text) if entry.type == "error" else None
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(page_url)
        page.wait_for_function("() => 'follow' in window")
        seen = page.evaluate("(given) => window.follow(...given)", arguments)
        browser.close()
    for thread in threading.enumerate():
        if thread.name.startswith("asyncio-waitpid"):
            thread.join()  # the driver's end is waited for in a thread that nothing else waits for
    return Seen(seen["events"], seen["error"], bool(seen.get("final")), errors)


async def browse(
    url: str, run_id: str, base: str | None = None, most: object = None, **options: object
) -> Seen:
    """Stream a run in a page served at `url`; `base` is another URL of the server, if any."""
    arguments = [base or url, run_id, options, most or {}]
    with trio.fail_after(60):
        return await trio.to_thread.run_sync(in_a_browser, f"{url}/watch", arguments)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with open_gateway(data="demo") as opened:
        yield opened


@pytest.fixture
async def finished(gateway: Gateway) -> Run:
    return await completed(gateway, TWO_YEARS)


@pytest.fixture
def serve_page(gateway: Gateway, nursery: trio.Nursery) -> Callable[..., Any]:
    """Serve the gateway with these settings, and a page that can stream a run."""

    async def start(
        bind: str = "127.0.0.1:0", stop: trio.Event | None = None, **settings: Any
    ) -> str:
        app = create_app(gateway, Settings(**settings))

        async def watch() -> Response:
            return Response(PAGE, 200, {"Content-Security-Policy": POLICY})

        app.add_url_rule("/watch", view_func=watch)
        urls: list[str] = await nursery.start(partial(serving.serve, app, bind=bind, stop=stop))
        return urls[0]

    return start


async def log_of(run: Run, after: int = 0) -> list[Any]:
    with run.subscribe(after) as events:
        return [event.decode() async for event in events]


async def wait_until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110 - no bell rings for what a browser does
            await trio.sleep(0.01)


@TRANSPORTS
async def test_a_finished_run_is_read_to_its_end(
    transport: str, serve_page: Callable[..., Any], finished: Run
) -> None:
    url = await serve_page()
    seen = await browse(url, finished.run_id, transport=transport)
    assert seen.events == await log_of(finished)
    assert (seen.error, seen.errors) == (None, [])


@TRANSPORTS
async def test_each_attempt_of_an_optimization_is_read_to_its_end(
    transport: str, serve_page: Callable[..., Any], gateway: Gateway
) -> None:
    url = await serve_page()
    optimization = gateway.optimize(parse_optimization(search()))
    optimization.pause()
    optimization.cancel("by a test")
    await optimization.wait_finished()
    optimization.resume()
    await optimization.wait_finished()
    for asked, number in (({}, 2), ({"attempt": 1}, 1)):
        options: dict[str, Any] = {**asked, "transport": transport, "most": {"optimization": True}}
        seen = await browse(url, optimization.optimization_id, **options)
        log = await optimization.attempt(number).load_events(limit=1000)
        assert seen.events == [event.decode() for event in log]
        assert (seen.error, seen.errors) == (None, [])


@TRANSPORTS
async def test_a_run_is_streamed_while_it_goes_on(
    transport: str, serve_page: Callable[..., Any], gateway: Gateway
) -> None:
    url = await serve_page()
    run = gateway.submit(evolve(TWO_YEARS, stream=Stream(pace_bars_per_s=250)))
    seen = await browse(url, run.run_id, transport=transport)
    assert seen.events == await log_of(run)
    assert (seen.error, seen.errors) == (None, [])


@TRANSPORTS
async def test_a_stream_cut_again_and_again_is_whole(
    transport: str, serve_page: Callable[..., Any], finished: Run
) -> None:
    url = await serve_page(cors_origins=("*",))
    async with open_cutting_proxy(url, [5_000, 9_000, 7_000]) as (proxy, cuts):
        seen = await browse(url, finished.run_id, proxy, transport=transport)
    assert cuts.made == 3
    assert seen.events == await log_of(finished)
    assert seen.error is None
    # A browser logs truncated responses, even if the page handles them.
    assert [error for error in seen.errors if "ERR_INCOMPLETE_CHUNKED_ENCODING" not in error] == []


async def test_sse_replaces_a_blocked_websocket(
    serve_page: Callable[..., Any], finished: Run
) -> None:
    url = await serve_page(cors_origins=("*",))
    async with open_cutting_proxy(url, [], refused=b"Upgrade: websocket") as (proxy, _cuts):
        seen = await browse(url, finished.run_id, proxy)
    assert seen.events == await log_of(finished)
    assert seen.error is None
    assert len(seen.errors) == 3
    assert all(error.startswith("WebSocket connection to ") for error in seen.errors)


@TRANSPORTS
async def test_a_stream_resumed_after_the_end_has_no_events(
    transport: str, serve_page: Callable[..., Any], finished: Run
) -> None:
    url = await serve_page()
    newest = finished.status.event_count
    seen = await browse(url, finished.run_id, transport=transport, after=newest)
    assert (seen.events, seen.error, seen.errors) == ([], None, [])
    seen = await browse(url, finished.run_id, transport=transport, after=newest - 3)
    assert seen.events == await log_of(finished, newest - 3)


@TRANSPORTS
async def test_a_filtered_stream_has_these_types_and_the_end(
    transport: str, serve_page: Callable[..., Any], finished: Run
) -> None:
    url = await serve_page()
    seen = await browse(url, finished.run_id, transport=transport, types=["trade", "log"])
    log = await log_of(finished)
    assert seen.events == [e for e in log if e["type"] in ("trade", "log") or e is log[-1]]


@TRANSPORTS
async def test_an_unknown_run_is_not_retried(
    transport: str, serve_page: Callable[..., Any]
) -> None:
    url = await serve_page()
    seen = await browse(url, "no-such-run", transport=transport)
    assert seen.final
    assert seen.error is not None
    assert "run not found" in seen.error.lower()


@TRANSPORTS
async def test_a_key_opens_a_stream(
    transport: str, serve_page: Callable[..., Any], finished: Run
) -> None:
    url = await serve_page(api_keys=("right",))
    seen = await browse(url, finished.run_id, transport=transport, apiKey="right")
    assert seen.events == await log_of(finished)
    assert (seen.error, seen.errors) == (None, [])
    seen = await browse(url, finished.run_id, transport=transport, apiKey="wrong")
    assert seen.final
    assert seen.error is not None
    assert seen.error.startswith("401: ")


@TRANSPORTS
async def test_events_changed_on_the_way_are_detected(
    transport: str, serve_page: Callable[..., Any], finished: Run
) -> None:
    url = await serve_page(cors_origins=("*",))
    for lie, why in LIES:
        async with open_cutting_proxy(url, [], lie=lie) as (proxy, _cuts):
            seen = await browse(url, finished.run_id, proxy, transport=transport)
        assert seen.final
        assert seen.error is not None
        assert seen.error.startswith(why)
        assert [event["event_id"] for event in seen.events] == list(range(1, len(seen.events) + 1))


async def test_without_subtle_crypto_a_run_is_streamed_unchecked(
    serve_page: Callable[..., Any], finished: Run
) -> None:
    url = (await serve_page()).replace("127.0.0.1", INSECURE_HOST)
    seen = await browse(url, finished.run_id)
    assert seen.events == await log_of(finished)
    assert (seen.error, seen.errors) == (None, [])


async def test_a_restarted_server_is_reconnected(
    serve_page: Callable[..., Any],
    gateway: Gateway,
) -> None:
    stop = trio.Event()
    first = await serve_page(stop=stop)
    run = gateway.submit(evolve(TWO_YEARS, stream=Stream(pace_bars_per_s=100)))
    run.pause()
    pages: list[Seen] = []

    async def follow() -> None:
        pages.append(await browse(first, run.run_id))

    async with trio.open_nursery() as watching:
        watching.start_soon(follow)
        await wait_until(lambda: run.subscribers == 1)
        run.resume()
        await wait_until(lambda: run.status.event_count > 50)
        stop.set()
        await wait_until(lambda: run.subscribers == 0)
        assert not run.finished
        await serve_page(bind=first.removeprefix("http://"))
    [seen] = pages
    assert seen.events == await log_of(run)
    assert seen.error is None
    assert [error for error in seen.errors if "ERR_CONNECTION_REFUSED" not in error] == []


@TRANSPORTS
async def test_an_abort_ends_the_wait(
    transport: str, serve_page: Callable[..., Any], gateway: Gateway
) -> None:
    url = await serve_page()
    run = gateway.submit(evolve(TWO_YEARS, stream=Stream(pace_bars_per_s=0.001)))
    seen = await browse(url, run.run_id, most={"abortAfter": 2}, transport=transport)
    assert (seen.error, seen.final, seen.errors) == ("enough", False, [])


async def test_a_page_may_stop_in_the_middle(
    serve_page: Callable[..., Any], gateway: Gateway
) -> None:
    url = await serve_page()
    run = gateway.submit(evolve(TWO_YEARS, stream=Stream(pace_bars_per_s=0.001)))
    seen = await browse(url, run.run_id, most={"breakAfter": 2})
    assert [event["event_id"] for event in seen.events] == [1, 2]
    assert (seen.error, seen.errors) == (None, [])


@TRANSPORTS
async def test_changes_cut_again_and_again_go_on_where_they_were(
    transport: str, serve_page: Callable[..., Any], gateway: Gateway
) -> None:
    url = await serve_page(cors_origins=("*",))
    run = gateway.submit(evolve(TWO_YEARS, stream=Stream(pace_bars_per_s=125)))
    run.pause()
    async with open_cutting_proxy(url, [1_800, 2_600, 2_200]) as (proxy, cuts):

        async def go_on() -> None:
            await wait_until(lambda: cuts.made > 0)
            run.resume()

        async with trio.open_nursery() as steering:
            steering.start_soon(go_on)
            seen = await browse(url, "", proxy, {"until": "completed"}, transport=transport)
    assert cuts.made == 3
    assert seen.error is None
    assert [change["type"] for change in seen.events].count("reset") == 1
    ids = [change["event_id"] for change in seen.events]
    assert ids == sorted(set(ids))
    assert seen.events[0]["payload"] == {"epoch": gateway.change_log.epoch}
    assert seen.events[-1]["payload"]["metrics"]["num_trades"] > 0
    assert [error for error in seen.errors if "ERR_INCOMPLETE_CHUNKED_ENCODING" not in error] == []
