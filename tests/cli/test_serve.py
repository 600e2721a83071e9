"""`serve`: settings, sockets, TLS and signals of a server in a process of its own.

Rule: everything is observed from outside, through the printed line, sockets and the exit code.
"""

from __future__ import annotations

import resource
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import trio

from glowback_trio.cli.commands.serve import _is_local
from glowback_trio.client.websocket import Closed, WebSocket, open_websocket
from glowback_trio.model.events import Event
from glowback_trio.model.invariants import assert_sound

#: For the name `localhost`, with its key.
PEM = Path(__file__).parents[1] / "serving" / "localhost.pem"

Glowback = Callable[..., "subprocess.CompletedProcess[str]"]

KEY = {"X-API-Key": "first"}


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_runs_streams_and_process_in_order(
    ending: signal.Signals, own_server: Any
) -> None:
    with trio.fail_after(30):
        run_id = await own_server.submit(stream={"pace_bars_per_s": 1, "progress_steps": 1})
        url = f"{own_server.url}/backtests/{run_id}/stream"
        events: list[Event] = []
        async with httpx2.AsyncClient(headers=KEY) as http:
            stream = await open_websocket(http, url, {})
            assert isinstance(stream, WebSocket)
            while isinstance(received := await stream.receive(), bytes):
                fields = orjson.loads(received)
                events.append(Event(fields["event_id"], fields["type"], received))
                if fields["payload"].get("state") == "running":
                    own_server.process.send_signal(ending)
            await stream.aclose()
        assert received == Closed(1000, "")
        assert_sound(events)
        assert events[-1].payload["state"] == "cancelled"
    assert own_server.process.wait(10) == 0


@pytest.mark.parametrize("own_server", [("--shutdown-delay", "3600")], indirect=True)
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_the_process_at_once(
    ending: signal.Signals, own_server: Any
) -> None:
    async with httpx2.AsyncClient() as client:
        own_server.process.send_signal(signal.SIGTERM)
        while (await client.get(f"{own_server.url}/readyz")).status_code == 200:
            await trio.lowlevel.checkpoint()
    own_server.process.send_signal(ending)
    assert own_server.process.wait(10) == -ending


@pytest.mark.parametrize("own_server", [("--host", "unix:app.sock")], indirect=True)
async def test_it_listens_on_a_unix_socket(own_server: Any, tmp_path: Path) -> None:
    assert own_server.url == "unix:app.sock"
    transport = httpx2.AsyncHTTPTransport(uds=str(tmp_path / "app.sock"))
    async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/healthz")).status_code == 200
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(10) == 0
    assert not (tmp_path / "app.sock").exists()


def test_a_certificate_without_a_key_names_the_option_that_is_missing(
    glowback: Glowback, tmp_path: Path
) -> None:
    text = PEM.read_text()
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    certificate = text[text.index(begin) : text.index(end) + len(end)]
    (tmp_path / "cert.pem").write_text(f"{certificate}\n")
    refused = glowback("serve", "--port", "0", "--tls-cert", "cert.pem")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: --tls-key: cert.pem holds no private key")
    refused = glowback("serve", "--port", "0", "--tls-key", "key.pem")
    assert refused.returncode == 2
    assert "set --tls-cert or GLOWBACK_TLS_CERT, too" in refused.stderr


@pytest.mark.parametrize("own_server", [("--tls-cert", str(PEM))], indirect=True)
async def test_a_url_of_the_wrong_scheme_says_which_one_is_right(
    own_server: Any, glowback: Glowback
) -> None:
    plain = own_server.url.replace("https:", "http:")
    refused = await trio.to_thread.run_sync(glowback, "list", "--url", plain)
    assert "its URL begins with https://, not http://" in refused.stderr
    refused = await trio.to_thread.run_sync(glowback, "list", "--url", own_server.url)
    assert "set SSL_CERT_FILE to its PEM file" in refused.stderr


@pytest.mark.parametrize("own_server", [("--tls-cert", str(PEM))], indirect=True)
async def test_it_serves_tls(own_server: Any) -> None:
    assert own_server.url.startswith("https://127.0.0.1:")
    port = own_server.url.rpartition(":")[2]
    trusting = ssl.create_default_context(cafile=PEM)
    async with httpx2.AsyncClient(verify=trusting) as client:
        response = await client.get(f"https://localhost:{port}/healthz")
    assert response.headers["strict-transport-security"]


async def test_it_serves_the_given_prices_to_the_given_keys(server: Any) -> None:
    async with httpx2.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/datasets")).status_code == 401
        datasets = await client.get("/datasets", headers={"Authorization": "Bearer second"})
        assert {"AAPL", "IBM", "SPY"} <= {row["symbol"] for row in datasets.json()}


@pytest.fixture
def few_files() -> Iterator[int]:
    """Lower the soft limit on open files of child processes, not the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_as_many_files_may_be_open_as_the_system_allows(
    few_files: int, own_server: Any, tmp_path: Path
) -> None:
    limits = Path(f"/proc/{own_server.process.pid}/limits").read_text()
    (allowed,) = (line.split()[3:5] for line in limits.splitlines() if "Max open files" in line)
    assert allowed == [str(few_files), str(few_files)]
    httpx2.get(f"{own_server.url}/healthz")  # what is said at the start has been said by then
    raised = f"note: the limit on open files (ulimit -n) is raised from 256 to {few_files}\n"
    assert raised in (tmp_path / "serve.log").read_text()


@pytest.fixture
def taken_port() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_a_port_in_use_is_one_line_and_1(glowback: Glowback, taken_port: int) -> None:
    refused = glowback("serve", "--port", str(taken_port))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"error: cannot listen on '127.0.0.1:{taken_port}': the address is in use\n"
    )


def test_listening_on_a_public_address_without_keys_is_warned_of(
    glowback: Glowback, taken_port: int
) -> None:
    open_to_all = ("serve", "--host", "0.0.0.0", "--port", str(taken_port))  # it will not get it
    assert "warning: 0.0.0.0 is reachable" in glowback(*open_to_all).stderr
    assert "warning" not in glowback(*open_to_all, GLOWBACK_API_KEY="k").stderr


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.4", False),
        ("example.org", False),
        ("", False),
        ("unix:/run/glowback.sock", True),
    ],
)
def test_local_addresses_are_recognised(host: str, expected: object) -> None:
    assert _is_local(host) is expected


def test_a_bad_setting_is_named_as_it_was_given(glowback: Glowback) -> None:
    refused = glowback("serve", "--max-running", "0", "--grace", "soon", GLOWBACK_MAX_ROWS="many")
    assert refused.returncode == 2
    named = {line.split(": ")[1] for line in refused.stderr.splitlines()}
    assert named == {"--max-running", "--grace", "GLOWBACK_MAX_ROWS"}


def test_a_flag_wins_over_the_environment(glowback: Glowback, tmp_path: Path) -> None:
    refused = glowback("serve", "--data", "there", GLOWBACK_DATA="here")
    assert refused.returncode == 2
    assert "'there'" in refused.stderr


def test_a_missing_data_directory_is_refused_at_once(glowback: Glowback) -> None:
    refused = glowback("serve", GLOWBACK_DATA="nowhere")
    assert refused.returncode == 2
    assert "'nowhere'" in refused.stderr
