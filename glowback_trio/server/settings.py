"""What can be set: one table for the code, the environment, the command line and the docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

from attrs import Attribute, evolve, field, fields, frozen

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, Ge, Gt, Le, MinLen, Pattern, hints
from glowback_trio.server.http.parameters import parse_text
from glowback_trio.server.security.proxies import Proxies

__all__ = ["Settings"]

T = TypeVar("T")

Count = Annotated[int, Ge(1)]
Origin = Annotated[
    str, Pattern(r"\*|https?://[^/\s?#@]+", "an origin such as https://example.org, or *")
]
Host = Annotated[
    str, Pattern(r"\[[^\s\[\]@/]+\]|[^\s\[\]@/:]+", "a host name or address without a port")
]
File = Annotated[str, MinLen(1)]
Place = Annotated[
    str,
    Pattern(
        r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*",
        "a module and an attribute of it, as module:attribute",
    ),
]


def _setting(default: T, env: str, help_: str, *, flag: str | None = None, **more: Any) -> T:
    """A row of the table.

    Args:
        default: The value when nothing is said.
        env: Its name in the environment.
        help_: Its meaning, as one line.
        flag: Its name on the command line; None for what must not stand in a list of processes.
        more: For `attrs.field`.
    """
    metadata = {"env": env, "flag": flag, "help": help_}
    row: T = field(default=default, metadata=metadata, **more)
    return row


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _proxies_can_be_read(trusted_proxies: tuple[str, ...]) -> Iterator[Problem]:
    try:
        Proxies.read(trusted_proxies)
    except InvalidRequestError as error:
        yield from error.problems


def _a_key_has_its_certificate(tls_cert: str | None, tls_key: str | None) -> Iterator[Problem]:
    if tls_key is not None and tls_cert is None:
        message = "A private key needs its certificate: set GLOWBACK_TLS_CERT, too"
        yield Problem("missing", ("tls_key",), message, tls_key)


@frozen(kw_only=True)
class Settings(Checked):
    """Everything that can be set about a gateway and its server.

    Each attribute's metadata holds `env`, `flag` and `help`.

    Raises:
        InvalidRequestError: With every problem found.
    """

    __checks__ = (_proxies_can_be_read, _a_key_has_its_certificate)

    data: Annotated[str, MinLen(1)] | None = _setting(
        None,
        "GLOWBACK_DATA",
        "Data directory; `demo` is the one that ships with the package, none means sample prices",
        flag="--data",
    )
    cache: Annotated[str, MinLen(1)] = _setting(
        ".glowback-cache",
        "GLOWBACK_CACHE",
        "Directory for parsed prices, a relative one inside the data directory; `off` keeps none",
        flag="--cache",
    )
    allow_sample: bool = _setting(
        default=True,
        env="GLOWBACK_ALLOW_SAMPLE",
        help_="Whether generated sample prices may be used at all",
        flag="--allow-sample",
    )
    strategies: tuple[Place, ...] = _setting(
        (),
        "GLOWBACK_STRATEGIES",
        "Strategies of your own: module:attribute, a class or a list of them, as a comma list",
        flag="--strategies",
    )
    api_keys: tuple[Annotated[str, MinLen(1)], ...] = _setting(
        (), "GLOWBACK_API_KEY", "Keys that clients may use, as a comma list; none: open", repr=False
    )
    cors_origins: tuple[Origin, ...] = _setting(
        (),
        "GLOWBACK_CORS_ORIGINS",
        "Origins whose pages may use the API from a browser, as a comma list, or *",
        flag="--cors-origins",
    )
    allowed_hosts: tuple[Host, ...] = _setting(
        (),
        "GLOWBACK_ALLOWED_HOSTS",
        "Hosts that requests may be for, without ports, as a comma list; none: any",
        flag="--allowed-hosts",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "GLOWBACK_TRUSTED_PROXIES",
        "Proxies whose X-Forwarded headers count: addresses, networks or unix, as a comma list",
        flag="--trusted-proxies",
    )
    tls_cert: File | None = _setting(
        None,
        "GLOWBACK_TLS_CERT",
        "PEM file with the certificate and its chain; none: no TLS",
        flag="--tls-cert",
    )
    tls_key: File | None = _setting(
        None,
        "GLOWBACK_TLS_KEY",
        "PEM file with the private key; none: it is in the certificate's",
        flag="--tls-key",
    )
    rate_limit: Annotated[int, Ge(0)] = _setting(
        6000,
        "GLOWBACK_RATE_LIMIT",
        "Requests per window and key, or client address; 0: any number",
        flag="--rate-limit",
    )
    rate_window: Annotated[float, Gt(0), Le(86400)] = _setting(
        60.0, "GLOWBACK_RATE_WINDOW", "Seconds of that window", flag="--rate-window"
    )
    max_body_bytes: Count = _setting(
        1 << 20,
        "GLOWBACK_MAX_BODY_BYTES",
        "Largest request body",
        flag="--max-body-bytes",
    )
    max_streams: Count = _setting(
        10_000,
        "GLOWBACK_MAX_STREAMS",
        "Streams open at once, WebSocket and SSE together",
        flag="--max-streams",
    )
    max_connections: Count = _setting(
        12_000, "GLOWBACK_MAX_CONNECTIONS", "Connections open at once", flag="--max-connections"
    )
    max_running: Count = _setting(
        4, "GLOWBACK_MAX_RUNNING", "Runs that run at once", flag="--max-running"
    )
    max_queued: Annotated[int, Ge(0)] = _setting(
        1000, "GLOWBACK_MAX_QUEUED", "Runs that may wait for a place", flag="--max-queued"
    )
    max_bars: Count = _setting(
        20_000_000, "GLOWBACK_MAX_BARS", "Symbol-bars one run may ask for", flag="--max-bars"
    )
    max_rows: Count = _setting(
        2_000_000, "GLOWBACK_MAX_ROWS", "Result rows one run may ask for", flag="--max-rows"
    )
    keep_runs: Count = _setting(
        1000, "GLOWBACK_KEEP_RUNS", "Finished runs kept, oldest out first", flag="--keep-runs"
    )
    keep_bytes: Count = _setting(
        1 << 30, "GLOWBACK_KEEP_BYTES", "Bytes that finished runs may take", flag="--keep-bytes"
    )
    max_log_bytes: Count = _setting(
        256 << 20,
        "GLOWBACK_MAX_LOG_BYTES",
        "Bytes that the events of one run may take; beyond it the run fails",
        flag="--max-log-bytes",
    )
    allow_compression: bool = _setting(
        default=False,
        env="GLOWBACK_ALLOW_COMPRESSION",
        help_="Whether WebSocket messages are compressed for clients that offer it",
        flag="--allow-compression",
    )
    send_timeout: Annotated[float, Gt(0), Le(3600)] = _setting(
        30.0,
        "GLOWBACK_SEND_TIMEOUT",
        "Seconds without a byte moving after which a client that does not read is cut",
        flag="--send-timeout",
    )
    grace: Annotated[float, Ge(0), Le(3600)] = _setting(
        5.0,
        "GLOWBACK_GRACE",
        "Seconds that open requests and streams get at the end",
        flag="--grace",
    )
    drain: Annotated[float, Ge(0), Le(86400)] = _setting(
        0.0,
        "GLOWBACK_DRAIN",
        "Seconds in which runs may finish at the end, before they are cancelled",
        flag="--drain",
    )
    shutdown_delay: Annotated[float, Ge(0), Le(3600)] = _setting(
        0.0,
        "GLOWBACK_SHUTDOWN_DELAY",
        "Seconds between answering 503 on /readyz and refusing connections",
        flag="--shutdown-delay",
    )
    log_format: Literal["json", "text"] = _setting(
        "json", "GLOWBACK_LOG_FORMAT", "`json` or `text`", flag="--log-format", converter=_lower
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _setting(
        "INFO",
        "GLOWBACK_LOG_LEVEL",
        "Least level that is logged",
        flag="--log-level",
        converter=_upper,
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read settings from environment variables; an empty one counts as not set.

        Raises:
            InvalidRequestError: With every problem found, each named by its variable.
        """
        annotations = hints(cls)
        values = {
            row.name: parse_text(environ[row.metadata["env"]].strip(), annotations[row.name])
            for row in fields(cls)
            if environ.get(row.metadata["env"], "").strip()
        }
        try:
            return cls(**values)
        except InvalidRequestError as error:
            rows: dict[Any, Attribute[Any]] = {row.name: row for row in fields(cls)}
            raise InvalidRequestError(
                evolve(problem, path=(rows[problem.path[0]].metadata["env"], *problem.path[1:]))
                for problem in error.problems
            ) from None
