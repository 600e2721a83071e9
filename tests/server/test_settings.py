"""Settings: their table, the environment, and their checks.

Rule: every row of the table is tried, so that a new setting cannot be forgotten.
"""

from __future__ import annotations

import attrs
import pytest

from glowback_trio.errors import InvalidRequestError
from glowback_trio.server import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environ({}) == Settings()


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environ({"GLOWBACK_API_KEY": "", "GLOWBACK_GRACE": " "}) == Settings()


def test_every_setting_is_read_from_its_variable() -> None:
    settings = Settings.from_environ(
        {
            "GLOWBACK_DATA": "/prices",
            "GLOWBACK_ALLOW_SAMPLE": "no",
            "GLOWBACK_API_KEY": " k1, k2 ,,",
            "GLOWBACK_CORS_ORIGINS": "https://a.example,http://b.example:8080",
            "GLOWBACK_ALLOWED_HOSTS": "api.example,[::1]",
            "GLOWBACK_TRUSTED_PROXIES": "10.0.0.0/8, unix",
            "GLOWBACK_TLS_CERT": "cert.pem",
            "GLOWBACK_TLS_KEY": "key.pem",
            "GLOWBACK_RATE_LIMIT": "0",
            "GLOWBACK_RATE_WINDOW": "1.5",
            "GLOWBACK_MAX_BODY_BYTES": "1000",
            "GLOWBACK_MAX_STREAMS": "7",
            "GLOWBACK_MAX_MESSAGE_BYTES": "65536",
            "GLOWBACK_SEND_TIMEOUT": "2.5",
            "GLOWBACK_GRACE": "0",
            "GLOWBACK_DRAIN": "60",
            "GLOWBACK_SHUTDOWN_DELAY": "5",
            "GLOWBACK_LOG_FORMAT": "TEXT",
            "GLOWBACK_LOG_LEVEL": "warning",
        }
    )
    assert settings == Settings(
        data="/prices",
        allow_sample=False,
        api_keys=("k1", "k2"),
        cors_origins=("https://a.example", "http://b.example:8080"),
        allowed_hosts=("api.example", "[::1]"),
        trusted_proxies=("10.0.0.0/8", "unix"),
        tls_cert="cert.pem",
        tls_key="key.pem",
        rate_limit=0,
        rate_window=1.5,
        max_body_bytes=1000,
        max_streams=7,
        max_message_bytes=65536,
        send_timeout=2.5,
        grace=0.0,
        drain=60.0,
        shutdown_delay=5.0,
        log_format="text",
        log_level="WARNING",
    )


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("GLOWBACK_MAX_STREAMS", "many", "Input should be a whole number"),
        ("GLOWBACK_MAX_STREAMS", "1.5", "Input should be a whole number"),
        ("GLOWBACK_MAX_STREAMS", "0", "Input should be greater than or equal to 1"),
        ("GLOWBACK_MAX_QUEUED", "-1", "Input should be greater than or equal to 0"),
        ("GLOWBACK_GRACE", "-5", "Input should be greater than or equal to 0"),
        ("GLOWBACK_GRACE", "nan", "Input should be a number"),
        ("GLOWBACK_GRACE", "1e999", "Input should be a finite number"),
        ("GLOWBACK_SEND_TIMEOUT", "0", "Input should be greater than 0"),
        ("GLOWBACK_ALLOW_SAMPLE", "maybe", "Input should be true or false"),
        ("GLOWBACK_LOG_FORMAT", "xml", "Input should be 'json' or 'text'"),
        ("GLOWBACK_LOG_LEVEL", "loud", "Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("GLOWBACK_CORS_ORIGINS", "a.example", "Input should be an origin"),
        ("GLOWBACK_ALLOWED_HOSTS", "a.example:80", "Input should be a host name or address"),
        ("GLOWBACK_TRUSTED_PROXIES", "10.0.0.1/8", "Input should be an address, a network or"),
        ("GLOWBACK_RATE_LIMIT", "-1", "Input should be greater than or equal to 0"),
        ("GLOWBACK_RATE_WINDOW", "0", "Input should be greater than 0"),
        ("GLOWBACK_KEEP_RUNS", "0", "Input should be greater than or equal to 1"),
        ("GLOWBACK_KEEP_DAYS", "0", "Input should be greater than 0"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(
    name: str, text: str, sentence: str
) -> None:
    with pytest.raises(InvalidRequestError, match=f"^{name}.*: {sentence}"):
        Settings.from_environ({name: text})


def test_a_store_in_memory_keeps_no_days() -> None:
    with pytest.raises(InvalidRequestError, match=r"^GLOWBACK_KEEP_DAYS: A store in memory"):
        Settings.from_environ({"GLOWBACK_STORE": "memory", "GLOWBACK_KEEP_DAYS": "7"})


def test_all_complaints_come_at_once() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Settings.from_environ({"GLOWBACK_MAX_STREAMS": "0", "GLOWBACK_GRACE": "soon"})
    assert [problem.path for problem in caught.value.problems] == [
        ("GLOWBACK_MAX_STREAMS",),
        ("GLOWBACK_GRACE",),
    ]


def test_keys_do_not_show_in_the_repr() -> None:
    assert "secret" not in repr(Settings(api_keys=("secret",)))


def test_every_row_of_the_table_is_complete_and_its_names_are_its_own() -> None:
    rows = [row.metadata for row in attrs.fields(Settings)]
    assert all(row["env"].startswith("GLOWBACK_") and row["help"] for row in rows)
    assert len({row["env"] for row in rows}) == len(rows)
    flags = [row["flag"] for row in rows if row["flag"]]
    assert len(set(flags)) == len(flags) == len(rows) - 2  # but the secrets


def test_a_private_key_needs_its_certificate() -> None:
    with pytest.raises(InvalidRequestError, match=r"^GLOWBACK_TLS_KEY: A private key needs"):
        Settings.from_environ({"GLOWBACK_TLS_KEY": "key.pem"})
    assert Settings(tls_cert="both.pem").tls_key is None
