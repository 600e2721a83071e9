"""Settings: one table for the code, the environment, the command line and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from attrs import Attribute, evolve, fields, frozen

from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.bounds import (
    Checked,
    Ge,
    Gt,
    Le,
    MinLen,
    Pattern,
    describe_changes,
    hints,
)
from glowback_trio.server.http.parameters import parse_text
from glowback_trio.server.settings.checks import (
    check_certificate,
    check_compute,
    check_keeping,
    check_peer_secret,
    check_proxies,
    check_ray,
)
from glowback_trio.server.settings.rows import (
    Count,
    File,
    Host,
    ImportPath,
    Origin,
    RayAddress,
    lower,
    setting,
    upper,
)

__all__ = ["Settings"]


@frozen(kw_only=True, repr=False)
class Settings(Checked):
    """The settings of a gateway and its server.

    The metadata of each field holds `env`, `flag` and `help`.

    Raises:
        InvalidRequestError: With every problem found.
    """

    __checks__ = (
        check_proxies,
        check_certificate,
        check_compute,
        check_ray,
        check_keeping,
        check_peer_secret,
    )

    data: Annotated[str, MinLen(1)] | None = setting(
        None,
        "GLOWBACK_DATA",
        "Data directory; `demo`: the one that ships with the package; none: generated prices",
        flag="--data",
    )
    cache: Annotated[str, MinLen(1)] = setting(
        ".glowback-cache",
        "GLOWBACK_CACHE",
        "Directory for parsed prices, relative to the data directory; `off`: no cache",
        flag="--cache",
    )
    allow_sample: bool = setting(
        default=True,
        env="GLOWBACK_ALLOW_SAMPLE",
        help_="Whether requests may use generated prices",
        flag="--allow-sample",
    )
    strategies: tuple[ImportPath, ...] = setting(
        (),
        "GLOWBACK_STRATEGIES",
        "Custom strategies: module:attribute of a class or a list of classes, comma-separated",
        flag="--strategies",
    )
    store: (
        Annotated[
            str,
            Pattern(
                "memory|sqlite:.+|postgres(ql)?://.+",
                "`memory`, `sqlite:` and the path of a file, or the URL of a PostgreSQL database",
            ),
        ]
        | None
    ) = setting(
        None,
        "GLOWBACK_STORE",
        "Where runs are kept: memory, sqlite:PATH, or postgresql://..., which several servers may "
        "share; none: a file in the user's data directory",
        repr=False,
        flag="--store",
    )
    durability: Literal["process", "power"] = setting(
        "process",
        "GLOWBACK_DURABILITY",
        "What stored events survive: the end of the `process`, or a `power` cut (slower), too",
        flag="--durability",
        converter=lower,
    )
    api_keys: tuple[Annotated[str, MinLen(1)], ...] = setting(
        (), "GLOWBACK_API_KEY", "API keys, comma-separated; none: clients need no key", repr=False
    )
    cors_origins: tuple[Origin, ...] = setting(
        (),
        "GLOWBACK_CORS_ORIGINS",
        "Origins whose pages may use the API, comma-separated, or *",
        flag="--cors-origins",
    )
    allowed_hosts: tuple[Host, ...] = setting(
        (),
        "GLOWBACK_ALLOWED_HOSTS",
        "Hosts that the server serves, without ports, comma-separated; none: any, but on a "
        "loopback address without keys only those of the machine",
        flag="--allowed-hosts",
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        "GLOWBACK_TRUSTED_PROXIES",
        "Proxies whose X-Forwarded headers count: addresses, networks or unix, comma-separated",
        flag="--trusted-proxies",
    )
    tls_cert: File | None = setting(
        None,
        "GLOWBACK_TLS_CERT",
        "PEM file with the certificate and its chain; none: no TLS",
        flag="--tls-cert",
    )
    tls_key: File | None = setting(
        None,
        "GLOWBACK_TLS_KEY",
        "PEM file with the private key; none: it is in the certificate file",
        flag="--tls-key",
    )
    advertise: (
        Annotated[
            str, Pattern(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", "an http(s) URL of this server")
        ]
        | None
    ) = setting(
        None,
        "GLOWBACK_ADVERTISE",
        "URL at which the other gateways of a cluster reach this one; none: where it listens",
        flag="--advertise",
    )
    peer_secret: str | None = setting(
        None,
        "GLOWBACK_PEER_SECRET",
        "Secret by which the gateways of a cluster know each other, the same for all of them",
        repr=False,
    )
    peer_ca: File | None = setting(
        None,
        "GLOWBACK_PEER_CA",
        "PEM file with the authorities that sign the certificates of the other gateways; none: "
        "those that the system trusts",
        flag="--peer-ca",
    )
    rate_limit: Annotated[int, Ge(0)] = setting(
        6000,
        "GLOWBACK_RATE_LIMIT",
        "Requests per window and key, or per window and client address; 0: no limit",
        flag="--rate-limit",
    )
    rate_window: Annotated[float, Gt(0), Le(86400)] = setting(
        60.0, "GLOWBACK_RATE_WINDOW", "Length of the rate window, in seconds", flag="--rate-window"
    )
    max_body_bytes: Count = setting(
        1 << 20,
        "GLOWBACK_MAX_BODY_BYTES",
        "Largest request body, in bytes",
        flag="--max-body-bytes",
    )
    max_import_bytes: Count = setting(
        64 << 20,
        "GLOWBACK_MAX_IMPORT_BYTES",
        "Largest run that POST /imports takes, in bytes, as sent and unpacked",
        flag="--max-import-bytes",
    )
    allow_upload: bool = setting(
        default=False,
        env="GLOWBACK_ALLOW_UPLOAD",
        help_="Whether clients may upload price files into the data directory",
        flag="--allow-upload",
    )
    max_upload_bytes: Count = setting(
        64 << 20,
        "GLOWBACK_MAX_UPLOAD_BYTES",
        "Largest price file that is uploaded, in bytes",
        flag="--max-upload-bytes",
    )
    max_streams: Count = setting(
        10_000,
        "GLOWBACK_MAX_STREAMS",
        "Maximum number of open streams, WebSocket and SSE together",
        flag="--max-streams",
    )
    max_message_bytes: Count = setting(
        32 << 10,
        "GLOWBACK_MAX_MESSAGE_BYTES",
        "Largest WebSocket message that holds several events (`batch`), in bytes",
        flag="--max-message-bytes",
    )
    max_connections: Count = setting(
        12_000,
        "GLOWBACK_MAX_CONNECTIONS",
        "Maximum number of open connections",
        flag="--max-connections",
    )
    compute: Literal["process", "thread", "ray"] = setting(
        "process",
        "GLOWBACK_COMPUTE",
        "Where runs are computed: `process`: in worker processes; `thread`: in one thread; `ray`: "
        "on a Ray cluster",
        flag="--compute",
        converter=lower,
    )
    ray_address: RayAddress = setting(
        "auto",
        "GLOWBACK_RAY_ADDRESS",
        "The Ray cluster: `auto`: the one that this machine is a node of; HOST:PORT of its head; "
        "`local`: one that is started here",
        flag="--ray-address",
    )
    workers: Annotated[int, Ge(0)] = setting(
        0,
        "GLOWBACK_WORKERS",
        "Number of worker processes, or of jobs on a Ray cluster; 0: one for each core that the "
        "process may use (its quota counts), and at most one for each running run; with Ray: one "
        "for each CPU of the cluster at the start",
        flag="--workers",
    )
    worker_memory_bytes: Annotated[int, Ge(0)] = setting(
        0,
        "GLOWBACK_WORKER_MEMORY_BYTES",
        "Maximum bytes of memory of one worker process; 0: no limit",
        flag="--worker-memory-bytes",
    )
    warm: bool = setting(
        default=True,
        env="GLOWBACK_WARM",
        help_="Whether worker processes load the compiled kernel, where the extra `fast` is "
        "installed",
        flag="--warm",
    )
    max_run_seconds: Annotated[float, Ge(0)] = setting(
        0.0,
        "GLOWBACK_MAX_RUN_SECONDS",
        "Maximum seconds of processor time of one run in a worker process, pauses and the turns of "
        "others apart; 0: no limit",
        flag="--max-run-seconds",
    )
    max_running: Count = setting(
        4,
        "GLOWBACK_MAX_RUNNING",
        "Maximum number of runs that are computed at once; they take turns with all others",
        flag="--max-running",
    )
    max_live_runs: Count = setting(
        1000,
        "GLOWBACK_MAX_LIVE_RUNS",
        "Maximum number of runs that have begun and not ended, paused and paced ones included",
        flag="--max-live-runs",
    )
    max_parked_runs: Annotated[int, Ge(0)] = setting(
        16,
        "GLOWBACK_MAX_PARKED_RUNS",
        "Maximum number of half-computed runs that wait for their turn, each in a stopped worker "
        "process",
        flag="--max-parked-runs",
    )
    max_queued: Annotated[int, Ge(0)] = setting(
        1000,
        "GLOWBACK_MAX_QUEUED",
        "Maximum number of runs that have not begun",
        flag="--max-queued",
    )
    max_optimizations: Count = setting(
        100,
        "GLOWBACK_MAX_OPTIMIZATIONS",
        "Maximum number of optimizations that have not ended, paused ones included",
        flag="--max-optimizations",
    )
    max_priority: Annotated[int, Ge(-100), Le(100)] = setting(
        0,
        "GLOWBACK_MAX_PRIORITY",
        "Highest `priority` that a request may have",
        flag="--max-priority",
    )
    max_bars: Count = setting(
        20_000_000, "GLOWBACK_MAX_BARS", "Maximum symbol-bars in one run", flag="--max-bars"
    )
    max_rows: Count = setting(
        2_000_000, "GLOWBACK_MAX_ROWS", "Maximum result rows of one run", flag="--max-rows"
    )
    max_file_rows: Count = setting(
        20_000_000, "GLOWBACK_MAX_FILE_ROWS", "Maximum rows of a price file", flag="--max-file-rows"
    )
    max_file_bytes: Count = setting(
        2 << 30,
        "GLOWBACK_MAX_FILE_BYTES",
        "Maximum bytes of a price file, once it is unpacked and decoded",
        flag="--max-file-bytes",
    )
    max_file_columns: Count = setting(
        1000,
        "GLOWBACK_MAX_FILE_COLUMNS",
        "Maximum columns of a price file, unused ones included",
        flag="--max-file-columns",
    )
    max_line_bytes: Count = setting(
        1 << 20,
        "GLOWBACK_MAX_LINE_BYTES",
        "Maximum bytes of a line in a price file, or of a record of several lines",
        flag="--max-line-bytes",
    )
    max_metadata_bytes: Count = setting(
        8 << 20,
        "GLOWBACK_MAX_METADATA_BYTES",
        "Maximum bytes of metadata in a Parquet file",
        flag="--max-metadata-bytes",
    )
    keep_runs: Count | None = setting(
        None,
        "GLOWBACK_KEEP_RUNS",
        "Finished runs to keep, the oldest go first; none: all, 1000 with --store memory",
        flag="--keep-runs",
    )
    keep_days: Annotated[float, Gt(0), Le(36500)] | None = setting(
        None,
        "GLOWBACK_KEEP_DAYS",
        "Days to keep a run after its end; none: for ever; not with --store memory",
        flag="--keep-days",
    )
    keep_bytes: Count | None = setting(
        None,
        "GLOWBACK_KEEP_BYTES",
        "Maximum bytes of finished runs; none: no limit, 1073741824 with --store memory",
        flag="--keep-bytes",
    )
    max_log_bytes: Count = setting(
        256 << 20,
        "GLOWBACK_MAX_LOG_BYTES",
        "Maximum bytes of events of one run in memory; a run that exceeds it fails",
        flag="--max-log-bytes",
    )
    max_result_bytes: Count = setting(
        512 << 20,
        "GLOWBACK_MAX_RESULT_BYTES",
        "Maximum bytes of the result of one run, trades and orders included; a run that exceeds it "
        "fails",
        flag="--max-result-bytes",
    )
    max_memory: Annotated[int, Ge(1 << 28)] | None = setting(
        None,
        "GLOWBACK_MAX_MEMORY",
        "Maximum bytes of memory of the serving process; none: half of what the machine or its "
        "control group has",
        flag="--max-memory",
    )
    allow_compression: bool = setting(
        default=False,
        env="GLOWBACK_ALLOW_COMPRESSION",
        help_="Whether to compress WebSocket messages for clients that offer it",
        flag="--allow-compression",
    )
    send_timeout: Annotated[float, Gt(0), Le(3600)] = setting(
        30.0,
        "GLOWBACK_SEND_TIMEOUT",
        "Seconds without progress after which a client that does not read is disconnected",
        flag="--send-timeout",
    )
    grace: Annotated[float, Ge(0), Le(3600)] = setting(
        5.0,
        "GLOWBACK_GRACE",
        "Seconds that open requests and streams get to finish at shutdown",
        flag="--grace",
    )
    drain: Annotated[float, Ge(0), Le(86400)] = setting(
        0.0,
        "GLOWBACK_DRAIN",
        "Seconds that runs get to finish at shutdown before they are cancelled",
        flag="--drain",
    )
    shutdown_delay: Annotated[float, Ge(0), Le(3600)] = setting(
        0.0,
        "GLOWBACK_SHUTDOWN_DELAY",
        "Seconds at shutdown from answering 503 on /readyz to refusing connections",
        flag="--shutdown-delay",
    )
    log_format: Literal["json", "text"] = setting(
        "json",
        "GLOWBACK_LOG_FORMAT",
        "Log format, `json` or `text`",
        flag="--log-format",
        converter=lower,
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting(
        "INFO",
        "GLOWBACK_LOG_LEVEL",
        "Lowest level to log",
        flag="--log-level",
        converter=upper,
    )
    stall_log_ms: Annotated[float, Ge(0), Le(60_000)] = setting(
        50.0,
        "GLOWBACK_STALL_LOG_MS",
        "Milliseconds for which something holds the event loop until it is logged; 0: never",
        flag="--stall-log-ms",
    )

    __repr__ = describe_changes

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read settings from environment variables; an empty variable counts as not set.

        Raises:
            InvalidRequestError: With every problem found, each named by its variable.
        """
        annotations = hints(cls)
        values = {
            row.name: parse_text(environ[row.metadata["env"]].strip(), annotations[row.name])
            for row in fields(cls)
            # Compose files and units pass variables on that are not set, as empty ones.
            if environ.get(row.metadata["env"], "").strip()
        }
        try:
            return cls(**values)
        except InvalidRequestError as error:
            # An operator knows the variable and not the field.
            rows: dict[Any, Attribute[Any]] = {row.name: row for row in fields(cls)}
            raise InvalidRequestError(
                evolve(problem, path=(rows[problem.path[0]].metadata["env"], *problem.path[1:]))
                for problem in error.problems
            ) from None
