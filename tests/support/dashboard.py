"""A server in a thread of its own and pages of it in a browser, as one person sees them.

A test is a plain function: the driver of the browser blocks, so the server has its loop elsewhere,
and `call` reaches into it. In the end it is an error if any page wrote an error to its console,
broke its policy, or asked another host for anything.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, overload
from urllib.parse import urlsplit

import pytest
import trio
from attrs import define, field

from glowback_trio import open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, serve
from glowback_trio.store import Store

__all__ = [
    "AXE",
    "CHROMIUM",
    "FLAGS",
    "PHONE",
    "Dashboard",
    "Visits",
    "axe_source",
    "serving_dashboard",
]

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: The size of a phone's page.
PHONE = {"width": 390, "height": 844}
#: What checks the accessibility of a page; of npm, for tests only.
AXE = "axe-core@4.10.3"

# Violations also stand in the console, but say less there.
_WATCH = """
window.policyViolations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.policyViolations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""

T = TypeVar("T")


@define(eq=False)
class Dashboard:
    """A gateway and its server, which can be stopped and started again on the same port.

    Args:
        make_store: Opens the store of each gateway; one on disk has the same runs again.
        settings: The settings of the server.
        options: More arguments of `open_gateway`.
    """

    make_store: Callable[[], Store | None] = lambda: None
    settings: Settings = field(factory=Settings)
    options: dict[str, Any] = field(factory=dict)
    url: str = field(default="http://127.0.0.1:0", init=False)
    _gateway: Gateway | None = field(default=None, init=False)
    _stop: trio.Event | None = field(default=None, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _started: threading.Event = field(factory=threading.Event, init=False)

    @property
    def gateway(self) -> Gateway:
        assert self._gateway is not None, "the server is not running"
        return self._gateway

    @overload
    def call(self, function: Callable[..., Awaitable[T]], *args: Any, **more: Any) -> T: ...

    @overload
    def call(self, function: Callable[..., T], *args: Any, **more: Any) -> T: ...

    def call(self, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Call a function in the loop of the gateway, and wait for what it returns."""
        return self.gateway.from_thread(function, *args, **more)

    def start(self) -> None:
        self._started.clear()
        self._thread = threading.Thread(target=trio.run, args=(self._live,))
        self._thread.start()
        assert self._started.wait(30), "the server did not start"

    def stop(self) -> None:
        """Stop server and gateway, as a signal does: open streams get 1012."""
        if self._thread is not None and self._stop is not None:
            self.call(self._stop.set)
            self._thread.join(30)
            assert not self._thread.is_alive(), "the server did not stop"
        self._thread = self._gateway = None

    async def _live(self) -> None:
        options: dict[str, Any] = {"data": "demo", **self.options}
        async with open_gateway(store=self.make_store(), **options) as self._gateway:
            self._stop = trio.Event()
            async with trio.open_nursery() as nursery:
                urls = await nursery.start(self._serve)
                self.url = urls[0]
                self._started.set()

    async def _serve(self, task_status: trio.TaskStatus[list[str]]) -> None:
        await serve(
            self.gateway,
            bind=self.url.removeprefix("http://"),
            settings=self.settings,
            stop=self._stop,
            task_status=task_status,
        )


@contextmanager
def serving_dashboard(
    make_store: Callable[[], Store | None] = lambda: None,
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Dashboard]:
    """Serve a dashboard for the length of a block."""
    dashboard = Dashboard(make_store, Settings(**settings), options or {})
    dashboard.start()
    try:
        yield dashboard
    finally:
        dashboard.stop()


@define(eq=False, slots=False)  # the driver sets attributes on the owner of a listener
class Visits:
    """Opens pages in a browser, and knows what was wrong with any of them.

    Args:
        browser: A browser of playwright.
        url: The server.
        expected: Patterns of errors in the console that a test brings about.
    """

    browser: Any
    url: str
    expected: list[str] = field(factory=list)
    _pages: list[Any] = field(factory=list, init=False)
    _wrong: list[str] = field(factory=list, init=False)

    def open(
        self,
        path: str = "/",
        *,
        dark: bool = False,
        size: dict[str, int] | None = None,
        reduced_motion: bool = False,
        **context: Any,
    ) -> Any:
        """Open a page in a context of its own, and return playwright's page."""
        opened = self.browser.new_context(
            base_url=self.url,
            viewport=size or {"width": 1280, "height": 800},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if reduced_motion else "no-preference",
            **context,
        )
        opened.set_default_timeout(15_000)
        page = opened.new_page()
        page.add_init_script(_WATCH)
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self._wrong.append(f"uncaught: {error}"))
        page.on("request", self._note_request)
        self._pages.append(page)
        page.goto(path)
        return page

    def close(self) -> None:
        """Close all pages.

        Raises:
            AssertionError: One of them had an error, broke its policy or asked another host.
        """
        for page in self._pages:
            self._wrong += page.evaluate("() => window.policyViolations")
            page.context.close()
        unexpected = [
            wrong for wrong in self._wrong if not any(re.search(e, wrong) for e in self.expected)
        ]
        assert unexpected == []

    def _note_console(self, entry: Any) -> None:
        if entry.type in {"error", "warning"}:
            self._wrong.append(f"{entry.type} in the console: {entry.text}")

    def _note_request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != urlsplit(self.url).netloc:
            self._wrong.append(f"a request to another host: {request.url}")


def axe_source(folder: Path) -> str:
    """Fetch the pinned axe-core with npm into a folder, and return its script; skip without npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, which fetches axe-core")
    command: Sequence[str] = (npm, "pack", AXE, "--silent", "--pack-destination", str(folder))
    fetched = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    if fetched.returncode:
        pytest.skip(f"npm cannot fetch {AXE}: {fetched.stderr.strip()[-200:]}")
    (archive,) = folder.glob("axe-core-*.tgz")
    with tarfile.open(archive) as files:
        member = files.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()
