"""Addresses of Ray heads, looked at before Ray itself is asked.

Rule: what is wrong is one line that says what to do, within seconds. The rest needs Ray:
`nox -s ray`.
"""

from __future__ import annotations

import socket

import pytest

from glowback_trio.compute.ray.cluster import check_head, why_refused
from glowback_trio.errors import ComputeError


def test_where_nothing_listens_there_is_no_head() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        check_head(f"127.0.0.1:{port}")
    with pytest.raises(ComputeError, match=rf"127.0.0.1:{port} \(Connection refused\): start it"):
        check_head(f"127.0.0.1:{port}")


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(ComputeError, match=r"No Ray head answers at nowhere.invalid:6379 \("):
        check_head("nowhere.invalid:6379")


@pytest.mark.parametrize(
    "address",
    ["head", "head:", ":6379", "head:6379x", "head:0", "head:65536", "head:-1", "head:٦٣٧٩", ""],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert f"{address!r} is no address of a Ray cluster: give HOST:PORT" in str(
        why_refused(address)
    )


@pytest.mark.parametrize("address", ["auto", "local"])
def test_a_word_is_no_host(address: str) -> None:
    check_head(address)
    assert why_refused(address) is None


def test_the_client_protocol_of_ray_is_refused() -> None:
    assert "ray start --address" in str(why_refused("ray://127.0.0.1:10001"))
    assert why_refused("127.0.0.1:6379") is None
    assert why_refused("[::1]:65535") is None
