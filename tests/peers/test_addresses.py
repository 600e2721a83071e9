"""The address that a gateway advertises can be reached, and nobody else passes for a peer.

Doctrine: each sentence that an operator may read names what to set.
"""

from __future__ import annotations

import pytest

from glowback_trio.errors import InvalidRequestError, ServingError
from glowback_trio.peers import advertised_address, check_advertised, open_peers

NOTHING = {"has_secret": False, "has_keys": False}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_gateways_of_one_machine_without_keys_need_nothing(host: str) -> None:
    check_advertised(None, host, **NOTHING)
    check_advertised("http://127.0.0.1:9000", "0.0.0.0", **NOTHING)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "unix:/run/glowback.sock"])
def test_a_gateway_that_does_not_know_its_address_asks_for_it(host: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"--advertise http://10\.0\.0\.5:8000"):
        check_advertised(None, host, has_secret=True, has_keys=True)
    check_advertised("http://10.0.0.5:8000", host, has_secret=True, has_keys=True)


@pytest.mark.parametrize(
    ("given", "host", "has_keys"),
    [
        (None, "127.0.0.1", True),
        (None, "10.0.0.5", False),
        ("https://one.example.org", "127.0.0.1", False),
    ],
)
def test_where_others_could_pass_for_peers_a_secret_is_needed(
    given: str | None,
    host: str,
    has_keys: bool,  # noqa: FBT001 - a case of the table
) -> None:
    with pytest.raises(InvalidRequestError, match=r"^GLOWBACK_PEER_SECRET: .* need a secret"):
        check_advertised(given, host, has_secret=False, has_keys=has_keys)
    check_advertised(given, host, has_secret=True, has_keys=has_keys)


def test_the_address_is_the_one_that_is_named_or_else_the_first_that_is_bound() -> None:
    bound = ["unix:/run/glowback.sock", "http://127.0.0.1:8000", "http://127.0.0.1:8001"]
    assert advertised_address("https://one.example.org/", bound) == "https://one.example.org"
    assert advertised_address(None, bound) == "http://127.0.0.1:8000"
    assert advertised_address(None, bound[:1]) is None


async def test_certificates_that_cannot_be_read_are_named() -> None:
    with pytest.raises(ServingError, match=r"^The certificates in none\.pem cannot be read: No "):
        async with open_peers("secret", ca_file="none.pem"):
            pass
