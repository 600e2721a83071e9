"""Connections to a database, and what its errors are in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from urllib.parse import urlsplit, urlunsplit
from weakref import WeakSet

import psycopg
from attrs import define, field
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrDumperUnknown

from glowback_trio.errors import StoreError
from glowback_trio.store.postgres.cutting import Connection, cut

__all__ = ["Connection", "Database", "without_password"]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# A server that is gone without a word is noticed within some 15 s; a URL may name other values.
_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "glowback-trio",
}
# A statement ends by itself where nobody can end it, and so does a transaction of a gateway that
# was stopped. A commit is never less durable than the store promises.
_SESSION = (
    "SELECT set_config('timezone', 'UTC', false), "
    "set_config('statement_timeout', '30s', false), "
    "set_config('idle_in_transaction_session_timeout', '10s', false), "
    "set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
    "WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)"
)
_WORDS: tuple[tuple[type[psycopg.Error], str], ...] = (
    (psycopg.errors.InvalidPassword, "the password is wrong"),
    (psycopg.errors.InvalidAuthorizationSpecification, "it does not let this user in"),
    (psycopg.errors.InvalidCatalogName, "there is no such database"),
    (psycopg.errors.InsufficientPrivilege, "the user may not do this"),
    (psycopg.errors.DiskFull, "its disk is full"),
    (psycopg.errors.ReadOnlySqlTransaction, "it is read-only, as a standby is"),
    (psycopg.errors.TooManyConnections, "it has too many connections"),
    (psycopg.errors.QueryCanceled, "it takes too long to answer"),
    (psycopg.OperationalError, "it cannot be reached"),
    (psycopg.InterfaceError, "the connection is closed"),
)


def without_password(url: str) -> str:
    """Return a URL without the password in it, for messages."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name = f"{user.partition(':')[0]}{at}{host}"
    # A query may name a password, too, and what else it names is of no use in a message.
    return urlunsplit((parts.scheme, name, parts.path, "", ""))


class _AnyText(StrDumperUnknown):
    """Passes on any text.

    PostgreSQL has no NUL, and no half of a surrogate pair: a look for a text with one shall find
    nothing, and be no fault of the database. What is stored has neither, nor the character that
    stands for them here.
    """

    def dump(self, obj: str) -> bytes:
        return _UNSTORABLE.sub("\x01", obj).encode()


@define(eq=False, repr=False)
class Database:
    """A database of a server of PostgreSQL.

    Args:
        url: Where it is, as `postgresql://user@host:port/database`.
    """

    url: str
    #: The URL without its password.
    name: str = field(init=False)
    _conninfo: str = field(init=False)
    #: Those that are open, made in any thread.
    _connections: WeakSet[Connection] = field(factory=WeakSet, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self.name = without_password(self.url)
        try:
            given = conninfo_to_dict(self.url)
        except psycopg.Error:
            # What the library says repeats a part of the text, which may be the password.
            raise StoreError(
                f"The store {self.name} is no URL of a database; input should be like "
                "postgresql://user@host:5432/database"
            ) from None
        self._conninfo = make_conninfo("", **{**_DEFAULTS, **given})

    def connect(self) -> Connection:
        """Open a connection that commits each statement by itself. Blocks."""
        connection = psycopg.connect(self._conninfo, autocommit=True)
        connection.adapters.register_dumper(str, _AnyText)
        with self._lock:
            self._connections.add(connection)
        try:
            connection.execute(_SESSION)
        except BaseException:
            connection.close()
            raise
        return connection

    def cut(self) -> None:
        """Cut all connections: whoever waits for an answer, in any thread, gets an error."""
        with self._lock:
            connections = [*self._connections]
        for each in connections:
            cut(each)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Raise what the database or its driver reports in the block as `StoreError`."""
        try:
            yield
        except psycopg.Error as error:
            words = (text for kind, text in _WORDS if isinstance(error, kind))
            reason = next(words, "PostgreSQL reports an error")
            said = " ".join(str(error).split()) or type(error).__name__
            raise StoreError(f"The store {self.name} cannot be used: {reason} ({said})") from error
