"""The stream of changes in a real browser: resets, states of runs, restarts, cuts, keys.

Doctrine: a page collects what `streamChanges` yields, and the test reads it until it has seen what
has to come; nothing is said about what comes in between, since only the newest state is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.dashboard import Dashboard, Visits, serving_dashboard
from support.served import TWO_YEARS

from glowback_trio import SqliteStore

FOLLOW = """async ([base, options]) => {
  const { streamChanges, StreamError } = await import("/assets/glowback-stream.js");
  const abort = new AbortController(), seen = { changes: [], states: [], error: null, final: null };
  window.seen = seen;
  window.leave = () => abort.abort(new Error("left"));
  (async () => {
    try {
      const onConnection = (state) => seen.states.push(state);
      const told = { ...options, signal: abort.signal, onConnection };
      for await (const change of streamChanges(base, told)) seen.changes.push(change);
    } catch (error) {
      [seen.error, seen.final] = [error.message, error instanceof StreamError];
    }
  })();
}"""
TYPE = "(type) => window.seen.changes.some((each) => each.type === type)"
STATE = """([id, state]) => window.seen.changes.some(
  ({ type, payload }) => type === "run" && payload.run_id === id && payload.state === state)"""
RESETS = """(count) =>
  window.seen.changes.filter((each) => each.type === "reset").length === count"""
TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "sse"])


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Dashboard]:
    def store() -> SqliteStore:
        return SqliteStore(tmp_path / "runs.sqlite")

    with serving_dashboard(store, api_keys=("right",)) as served:
        yield served


@pytest.fixture
def follow(visits: Visits, dashboard: Dashboard) -> Callable[..., Any]:
    """Open a page that follows the changes of the server."""

    def opened(**options: object) -> Any:
        page = visits.open("/ui/api")
        page.evaluate(FOLLOW, [dashboard.url, {"apiKey": "right", **options}])
        return page

    return opened


def submitted(dashboard: Dashboard) -> str:
    run: Any = dashboard.call(dashboard.gateway.submit, TWO_YEARS)
    name: str = run.run_id
    return name


def types_of(page: Any) -> list[str]:
    return [each["type"] for each in page.evaluate("() => window.seen.changes")]


@TRANSPORTS
def test_a_reset_comes_first_and_then_what_becomes_of_a_run(
    follow: Callable[..., Any], dashboard: Dashboard, transport: str
) -> None:
    page = follow(transport=transport)
    page.wait_for_function(TYPE, arg="reset")
    run_id = submitted(dashboard)
    page.wait_for_function(STATE, arg=[run_id, "completed"])
    dashboard.call(dashboard.gateway.delete, run_id)
    page.wait_for_function(TYPE, arg="run_deleted")
    seen = page.evaluate("() => window.seen.changes")
    assert [seen[0]["type"], seen[-1]["type"]] == ["reset", "run_deleted"]
    assert seen[0]["payload"] == {"epoch": dashboard.gateway.change_log.epoch}
    assert {each["type"] for each in seen[1:-1]} == {"run"}
    ids = [each["event_id"] for each in seen]
    assert ids == sorted(set(ids))
    page.evaluate("() => window.leave()")
    page.wait_for_function("() => window.seen.error === 'left'")
    assert page.evaluate("() => [window.seen.final, window.seen.states]") == [False, ["open"]]


@TRANSPORTS
def test_a_restarted_server_has_another_epoch_and_sends_a_reset_again(
    follow: Callable[..., Any], dashboard: Dashboard, visits: Visits, transport: str
) -> None:
    visits.expected += ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "503"]
    page = follow(transport=transport)
    page.wait_for_function(TYPE, arg="reset")
    dashboard.stop()
    dashboard.start()
    page.wait_for_function(RESETS, arg=2)
    run_id = submitted(dashboard)
    page.wait_for_function(STATE, arg=[run_id, "completed"])
    seen = page.evaluate("() => window.seen")
    epochs = [c["payload"]["epoch"] for c in seen["changes"] if c["type"] == "reset"]
    assert epochs[0] != epochs[1] == dashboard.gateway.change_log.epoch
    assert (seen["states"][0], seen["states"][1], seen["error"]) == ("open", "cut", None)
    assert seen["states"][-1] == "open"


def test_a_wrong_key_is_refused_for_good(follow: Callable[..., Any], visits: Visits) -> None:
    visits.expected.append("401")
    page = follow(apiKey="wrong")
    page.wait_for_function("() => window.seen.error !== null")
    error, final = page.evaluate("() => [window.seen.error, window.seen.final]")
    assert (error[:5], final) == ("401: ", True)


def test_only_wanted_types_come(follow: Callable[..., Any], dashboard: Dashboard) -> None:
    page = follow(types="run_deleted")
    page.wait_for_function(TYPE, arg="reset")
    run_id = submitted(dashboard)
    dashboard.call(dashboard.gateway.run(run_id).wait_finished)
    dashboard.call(dashboard.gateway.delete, run_id)
    page.wait_for_function(TYPE, arg="run_deleted")
    assert types_of(page) == ["reset", "run_deleted"]
