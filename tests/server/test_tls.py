"""The server over TLS and over a Unix socket.

Rule: real sockets, and a self-signed certificate.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx2
import pytest
import trio
from support.raw_http import RawResponse, read_response

from glowback_trio.actors import Gateway
from glowback_trio.errors import ServingError
from glowback_trio.server import Settings, serve
from glowback_trio.serving import Tls

#: A self-signed certificate for `localhost`, with its key.
PEM = Path(__file__).parents[1] / "serving" / "localhost.pem"
HSTS = "strict-transport-security"


@asynccontextmanager
async def listening(gateway: Gateway, bind: str, settings: Settings) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(partial(serve, gateway, bind=bind, settings=settings))
        yield urls[0]
        nursery.cancel_scope.cancel()


async def test_over_tls_browsers_are_sent_hsts(gateway: Gateway) -> None:
    trusting = ssl.create_default_context(cafile=PEM)
    with trio.fail_after(10):
        async with listening(gateway, "localhost:0", Settings(tls_cert=str(PEM))) as url:
            assert url.startswith("https://")
            port = url.rpartition(":")[2]
            async with httpx2.AsyncClient(verify=trusting) as http:
                for path in ("/", "/healthz", "/nowhere", "/" + "x" * 20_000):
                    response = await http.get(f"https://localhost:{port}{path}")
                    assert response.headers[HSTS] == "max-age=31536000", path


async def test_without_tls_there_is_no_hsts(url: str) -> None:
    async with httpx2.AsyncClient(base_url=url) as http:
        for path in ("/", "/healthz", "/" + "x" * 20_000):
            assert HSTS not in (await http.get(path)).headers


async def test_a_certificate_that_cannot_be_read_is_one_plain_error(
    gateway: Gateway, tmp_path: Path
) -> None:
    settings = Settings(tls_cert=str(tmp_path / "none.pem"))
    with pytest.raises(ServingError, match="cannot use certificate"):
        await serve(gateway, bind="127.0.0.1:0", settings=settings)


CERTIFICATE, KEY = (
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
)


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        (
            None,
            None,
            r"^cannot use certificate '\S+cert.pem': '\S+cert.pem' cannot be read: No such",
        ),
        ("prices", None, r"cert.pem': '\S+cert.pem' holds no certificate in PEM form$"),
        (CERTIFICATE, None, r"cert.pem': '\S+cert.pem' holds no private key in PEM form$"),
        (
            CERTIFICATE,
            "x",
            r"with key '\S+key.pem': '\S+key.pem' holds no private key in PEM form$",
        ),
        (KEY, KEY, r"cert.pem' holds no certificate in PEM form$"),
        (CERTIFICATE, KEY, r"; is the key encrypted, or a file damaged\?$"),
    ],
)
def test_what_is_wrong_with_which_file_is_said(
    tmp_path: Path, certificate: str | None, key: str | None, said: str
) -> None:
    for name, text in (("cert.pem", certificate), ("key.pem", key)):
        if text is not None:
            (tmp_path / name).write_text(text)
    tls = Tls(tmp_path / "cert.pem", None if key is None else tmp_path / "key.pem")
    with pytest.raises(ServingError, match=said):
        tls.context()


async def over_unix(path: str, *lines: str) -> RawResponse:
    head = "".join(
        f"{line}\r\n" for line in ("GET /healthz HTTP/1.1", "Host: localhost", *lines, "")
    )
    with trio.fail_after(10):
        async with await trio.open_unix_socket(path) as stream:
            await stream.send_all(head.encode())
            return await read_response(stream)


@pytest.mark.parametrize(("trusted", "encrypted"), [((), False), (("unix",), True)])
async def test_a_proxy_on_a_unix_socket_is_trusted_when_it_is_listed(
    gateway: Gateway, tmp_path: Path, trusted: tuple[str, ...], *, encrypted: bool
) -> None:
    bind, settings = f"unix:{tmp_path}/app.sock", Settings(trusted_proxies=trusted)
    async with listening(gateway, bind, settings) as url:
        assert url == bind
        answer = await over_unix(f"{tmp_path}/app.sock", "X-Forwarded-Proto: https")
    assert answer.status == 200
    assert (HSTS in answer.headers) == encrypted
