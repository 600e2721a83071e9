"""Listening sockets and addresses: binds are opened, named by URLs, and closed at the end."""

from __future__ import annotations

import errno
import re
import socket as stdlib_socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import trio
from attrs import frozen

from glowback_trio.errors import ServingError
from glowback_trio.serving.records import Address

__all__ = ["Bound", "Listener", "Tls", "address_of", "open_bound", "url_of"]

Listener: TypeAlias = trio.abc.Listener[Any]

TCP_BIND = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<host>[^\[\]:]*)):(?P<port>\d{1,5})")


@frozen
class Tls:
    """Certificate and key of an encrypted server.

    Attributes:
        certificate: PEM file with the certificate and its chain.
        key: PEM file with the private key; None when the certificate's file contains it.
        password: Password of the private key; None when it is not encrypted.
    """

    certificate: Path | str
    key: Path | str | None = None
    password: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return a context that accepts TLS 1.2 or newer and offers HTTP/1.1 only.

        Raises:
            ServingError: If a file cannot be read, or key and certificate do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # Without the function OpenSSL would prompt for a password on the terminal.
            context.load_cert_chain(self.certificate, self.key, lambda: self.password or "")
        except (OSError, ValueError) as error:
            raise ServingError(f"cannot use certificate {self._what_is_wrong(error)}") from error
        return context

    def _what_is_wrong(self, error: Exception) -> str:
        """Say what is wrong with which file; OpenSSL names neither."""
        key = self.key or self.certificate
        named = repr(str(self.certificate))
        if self.key is not None:
            named += f" with key {str(self.key)!r}"
        for path, wanted in ((self.certificate, b"CERTIFICATE"), (key, b"PRIVATE KEY")):
            try:
                text = Path(path).read_bytes()
            except OSError as unreadable:
                return f"{named}: {str(path)!r} cannot be read: {unreadable.strerror}"
            if b"-----BEGIN" not in text or wanted + b"-----" not in text:
                return f"{named}: {str(path)!r} holds no {wanted.decode().lower()} in PEM form"
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            return f"{named}: the key belongs to another certificate"
        return f"{named}: {error}; is the key encrypted, or a file damaged?"


@frozen
class Bound:
    """One listener and the URL under which clients reach it.

    Attributes:
        listener: Accepts the connections.
        url: Such as `http://127.0.0.1:8000` or `unix:/run/app.sock`; None for a listener without
            a socket of a known family.
        path: The socket file to remove at the end.
    """

    listener: Listener
    url: str | None
    path: Path | None = None


@asynccontextmanager
async def open_bound(
    binds: Sequence[str], given: Sequence[Listener], *, backlog: int, scheme: str
) -> AsyncIterator[list[Bound]]:
    """Open a listener for every address of the binds, and close all of them at the end.

    Args:
        binds: Each `host:port`, `[v6 address]:port` or `unix:/path`. Port 0 picks a free one; an
            empty host means every interface.
        given: Listeners that are open already; they are closed with the others.
        backlog: Connections that the kernel holds until they are accepted.
        scheme: Scheme of the URLs, `http` or `https`.

    Raises:
        ServingError: If a bind has another form, its address cannot be bound, or there is neither
            a bind nor a listener.
    """
    bound = [Bound(listener, url_of(listener, scheme)) for listener in given]
    try:
        for bind in binds:
            bound += await _open(bind, backlog, scheme)
        if not bound:
            raise ServingError("there is nothing to listen on: neither a bind nor a listener")
        yield bound
    finally:
        for each in bound:
            # Closing forcefully does not wait, so this needs no shield against cancellation.
            await trio.aclose_forcefully(each.listener)
            if each.path is not None:
                each.path.unlink(missing_ok=True)


async def _open(bind: str, backlog: int, scheme: str) -> list[Bound]:
    try:
        if bind.startswith("unix:"):
            path = Path(bind.removeprefix("unix:"))
            listener: Listener = await _open_unix(path, backlog)
            return [Bound(listener, f"unix:{path}", path)]
        return [Bound(each, url_of(each, scheme)) for each in await _open_tcp(bind, backlog)]
    except ServingError:
        raise
    except OSError as error:
        raise ServingError(f"cannot listen on {bind!r}: {_why(error)}") from error


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the address is in use"
    return error.strerror or str(error)


async def _open_tcp(bind: str, backlog: int) -> Sequence[Listener]:
    match = TCP_BIND.fullmatch(bind)
    if match is None:
        raise ServingError(f"a bind is 'host:port', '[address]:port' or 'unix:/path', not {bind!r}")
    port = int(match["port"])
    if port > 65535:
        raise ServingError(f"a port is at most 65535, not {port} as in {bind!r}")
    host = match["six"] or match["host"] or None
    return await trio.open_tcp_listeners(port, host=host, backlog=backlog)


async def _open_unix(path: Path, backlog: int) -> Listener:
    _remove_stale(path)
    socket = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    try:
        await socket.bind(str(path))
        socket.listen(backlog)
    except BaseException:
        socket.close()
        raise
    return trio.SocketListener(socket)


def _remove_stale(path: Path) -> None:
    """Remove a socket file without a listener, left behind by a server that was killed."""
    if not path.exists():
        return
    if not path.is_socket():
        raise ServingError(f"cannot listen on 'unix:{path}': a file of another kind is there")
    with stdlib_socket.socket(stdlib_socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        else:
            raise ServingError(f"cannot listen on 'unix:{path}': the address is in use")


def url_of(listener: Listener, scheme: str) -> str | None:
    """Return the URL of a listener; None for one without a socket of a known family."""
    socket = getattr(listener, "socket", None)
    if socket is None:
        return None
    name = socket.getsockname()
    match socket.family:
        case stdlib_socket.AF_INET:
            return f"{scheme}://{name[0]}:{name[1]}"
        case stdlib_socket.AF_INET6:
            return f"{scheme}://[{name[0]}]:{name[1]}"
        case stdlib_socket.AF_UNIX:
            return f"unix:{name}"
        case _:
            return None


def address_of(socket: Any, name: Callable[[], Any]) -> Address:
    """Return host and port of one end of a connection; None for a socket without them.

    Args:
        socket: The connection's socket.
        name: Its `getpeername` or `getsockname`; called only where it has an address.

    Raises:
        OSError: The peer is gone already.
    """
    if socket.family not in {stdlib_socket.AF_INET, stdlib_socket.AF_INET6}:
        return None
    host, port, *_ = name()
    return host, port
