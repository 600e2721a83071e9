"""Trusted proxies: whose address and scheme count.

Rule: nothing that an untrusted peer sends changes the result.
"""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.errors import InvalidRequestError
from glowback_trio.server.security.proxies import Proxies

OFFICE = Proxies.read(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"])


def test_no_peer_is_trusted_unless_listed() -> None:
    assert Proxies().client_address("127.0.0.1", ["203.0.113.9"]) == "127.0.0.1"
    assert Proxies().scheme("127.0.0.1", ["https"], "http") == "http"
    assert Proxies().client_address(None, ["203.0.113.9"]) == "unix"


def test_a_client_cannot_choose_its_own_address() -> None:
    assert OFFICE.client_address("203.0.113.5", ["10.1.1.1, 198.51.100.1"]) == "203.0.113.5"
    spoofed = ["1.1.1.1, 10.9.9.9, 203.0.113.5"]
    assert OFFICE.client_address("10.0.0.2", spoofed) == "203.0.113.5"


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        ([], "10.0.0.2"),
        ([""], "10.0.0.2"),
        ([" , ,"], "10.0.0.2"),
        (["203.0.113.5"], "203.0.113.5"),
        (["203.0.113.5, 192.0.2.1"], "203.0.113.5"),
        (["203.0.113.5", "10.3.3.3"], "203.0.113.5"),
        (["198.51.100.1, 203.0.113.5,, 10.3.3.3,"], "203.0.113.5"),
        (["10.7.7.7, 10.3.3.3"], "10.7.7.7"),
        (["203.0.113.5:4711"], "203.0.113.5"),
        (["[2001:ff::5]:4711"], "2001:ff::5"),
        (["[2001:ff::5]"], "2001:ff::5"),
        (["2001:FF:0:0::5, 2001:db8::1"], "2001:ff::5"),
        (["::ffff:203.0.113.5"], "203.0.113.5"),
        (["fe80::1%the-zone"], "fe80::1"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_trusted_proxy(
    forwarded_for: list[str], client: str
) -> None:
    assert OFFICE.client_address("10.0.0.2", forwarded_for) == client


@pytest.mark.parametrize(
    "word", ["unknown", "_hidden", "10.0.0", "10.0.0.01", "1.2.3.4.5", "[::1", "::1]:80", "a b"]
)
def test_where_the_chain_cannot_be_read_the_last_trusted_proxy_stands_for_its_clients(
    word: str,
) -> None:
    assert OFFICE.client_address("10.0.0.2", [f"203.0.113.5, {word}"]) == "10.0.0.2"
    assert OFFICE.client_address("10.0.0.2", [f"203.0.113.5, {word}, 10.3.3.3"]) == "10.3.3.3"


def test_an_ipv4_peer_of_a_socket_for_both_families_is_an_ipv4_peer() -> None:
    assert Proxies().client_address("::ffff:203.0.113.5", []) == "203.0.113.5"
    assert OFFICE.client_address("::ffff:10.0.0.2", ["203.0.113.5"]) == "203.0.113.5"


def test_peers_without_an_address_are_trusted_only_by_name() -> None:
    assert OFFICE.client_address(None, ["203.0.113.5"]) == "unix"
    local = Proxies.read(["unix"])
    assert local.client_address(None, ["198.51.100.1, 203.0.113.5"]) == "203.0.113.5"
    assert local.client_address(None, []) == "unix"
    assert local.client_address("10.0.0.2", ["203.0.113.5"]) == "10.0.0.2"


def test_a_peer_that_is_no_address_is_itself() -> None:
    assert OFFICE.client_address("somewhere", ["203.0.113.5"]) == "somewhere"


@pytest.mark.parametrize(
    ("forwarded_proto", "scheme"),
    [
        ([], "http"),
        (["https"], "https"),
        (["HTTPS "], "https"),
        (["http, https"], "https"),
        (["https", "http"], "http"),
        (["https, "], "https"),
        (["javascript"], "http"),
        (["https, gopher"], "http"),
    ],
)
def test_the_scheme_is_the_one_that_the_nearest_trusted_proxy_states(
    forwarded_proto: list[str], scheme: str
) -> None:
    assert OFFICE.scheme("10.0.0.2", forwarded_proto, "http") == scheme
    assert OFFICE.scheme("203.0.113.5", forwarded_proto, "http") == "http"


def test_an_encrypted_connection_stays_so_unless_a_trusted_proxy_says_otherwise() -> None:
    assert OFFICE.scheme("10.0.0.2", [], "https") == "https"
    assert OFFICE.scheme("203.0.113.5", ["http"], "https") == "https"
    assert OFFICE.scheme(None, ["http"], "https") == "https"
    assert Proxies.read(["unix"]).scheme(None, ["https"], "http") == "https"


def test_all_items_that_name_no_proxy_are_complained_about_at_once() -> None:
    with pytest.raises(InvalidRequestError) as raised:
        Proxies.read(["10.0.0.1", "10.0.0.1/8", "unix", "proxy.example", ""])
    problems = raised.value.problems
    assert [(problem.path, problem.value) for problem in problems] == [
        (("trusted_proxies", 1), "10.0.0.1/8"),
        (("trusted_proxies", 3), "proxy.example"),
        (("trusted_proxies", 4), ""),
    ]
    assert "host bits" in problems[0].message


@given(st.lists(st.text(max_size=60), max_size=4))
def test_no_header_breaks_the_reader_or_is_passed_on_as_it_is(lines: list[str]) -> None:
    everyone = Proxies.read(["0.0.0.0/0", "::/0"])
    ip_address(everyone.client_address("10.0.0.2", lines))
    assert everyone.scheme("10.0.0.2", lines, "http") in ("http", "https")
