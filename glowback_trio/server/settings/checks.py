"""The rules between settings, and those of one setting that no annotation can state."""

from __future__ import annotations

from collections.abc import Iterator

from glowback_trio.compute.ray.cluster import why_refused
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.server.security.proxies import Proxies

__all__ = [
    "check_certificate",
    "check_compute",
    "check_keeping",
    "check_peer_secret",
    "check_proxies",
    "check_ray",
]

_SHORTEST_SECRET = 16


def check_proxies(trusted_proxies: tuple[str, ...]) -> Iterator[Problem]:
    """Check that each trusted proxy is an address, a network or `unix`."""
    try:
        Proxies.read(trusted_proxies)
    except InvalidRequestError as error:
        yield from error.problems


def check_compute(
    compute: str, worker_memory_bytes: int, max_run_seconds: float
) -> Iterator[Problem]:
    """Check that only jobs in processes of their own are limited."""
    if compute == "thread":
        limits = {"worker_memory_bytes": worker_memory_bytes, "max_run_seconds": max_run_seconds}
        for name, value in limits.items():
            if value:
                message = "Only worker processes can be limited: set GLOWBACK_COMPUTE to process"
                yield Problem("value_error", (name,), message, value)


def check_ray(ray_address: str) -> Iterator[Problem]:
    """Check that the address of a Ray cluster is of a kind that can be used."""
    if message := why_refused(ray_address):
        yield Problem("value_error", ("ray_address",), message, ray_address)


def check_certificate(tls_cert: str | None, tls_key: str | None) -> Iterator[Problem]:
    """Check that a private key has a certificate."""
    if tls_key is not None and tls_cert is None:
        message = "A private key needs a certificate: set --tls-cert or GLOWBACK_TLS_CERT, too"
        yield Problem("missing", ("tls_key",), message, tls_key)


def check_keeping(store: str | None, keep_days: float | None) -> Iterator[Problem]:
    """Check that the store has the rule by which runs expire."""
    if store == "memory" and keep_days is not None:
        message = "A store in memory has no such rule: set GLOWBACK_KEEP_RUNS or _KEEP_BYTES"
        yield Problem("value_error", ("keep_days",), message, keep_days)


def check_peer_secret(peer_secret: str | None) -> Iterator[Problem]:
    """Check that the secret of the cluster cannot be guessed; a problem does not repeat it."""
    if peer_secret is not None and len(peer_secret) < _SHORTEST_SECRET:
        message = (
            f"Input should have at least {_SHORTEST_SECRET} characters, such as those that "
            "`openssl rand -hex 32` prints"
        )
        yield Problem("string_too_short", ("peer_secret",), message)
