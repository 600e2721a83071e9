"""The files in `deploy/` fit together, and fit the server.

Doctrine: what one of them names, another file or the server has: settings, secrets, hosts, extras.
No engine of containers runs here, so nothing is started.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import attrs
import pytest
import yaml
from support.pages import ROOT, page

from glowback_trio.server import Settings

GATEWAYS = ("gateway-1", "gateway-2")
VARIABLE = re.compile(r"\$\{(\w+)(:[-?])?")


@cache
def compose() -> Any:
    return yaml.safe_load(page("deploy/compose.yaml"))


def services() -> dict[str, Any]:
    return dict(compose()["services"])


def example() -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", page("deploy/env.example"), re.MULTILINE))


def test_every_setting_of_a_gateway_is_one_of_the_server() -> None:
    known = {each.metadata["env"] for each in attrs.fields(Settings)}
    for name in GATEWAYS:
        named = {key for key in services()[name]["environment"] if key.startswith("GLOWBACK")}
        assert {"GLOWBACK_STORE", "GLOWBACK_ADVERTISE", "GLOWBACK_PEER_SECRET"} <= named <= known


def test_each_gateway_advertises_its_own_name_and_differs_from_the_other_in_nothing_else() -> None:
    first, second = (dict(services()[name]["environment"]) for name in GATEWAYS)
    assert first.pop("GLOWBACK_ADVERTISE") == "http://gateway-1:8000"
    assert second.pop("GLOWBACK_ADVERTISE") == "http://gateway-2:8000"
    assert first == second


def test_the_proxy_leads_to_every_gateway_and_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, each in services().items() if "ports" in each] == ["proxy"]
    for name in GATEWAYS:
        assert f"{name}:8000" in page("deploy/Caddyfile")


def test_every_variable_is_in_the_example_and_every_secret_is_required_and_empty_there() -> None:
    used = dict(VARIABLE.findall(page("deploy/compose.yaml")))
    assert used.keys() == example().keys()
    required = {name for name, rule in used.items() if rule == ":?"}
    assert required == {name for name, value in example().items() if not value}
    assert {name for name in used if re.search("KEY|SECRET|PASSWORD|TOKEN", name)} <= required


def test_every_volume_and_every_service_that_is_waited_for_is_there() -> None:
    for each in services().values():
        for name, condition in each.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in services()[name]
        volumes = [volume.partition(":")[0] for volume in each.get("volumes", ())]
        named = {volume for volume in volumes if not volume.startswith(".")}
        assert named <= compose()["volumes"].keys()
        for file in set(volumes) - named:
            assert (ROOT / "deploy" / file).is_file()


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_gateway_has_longer_to_shut_down_than_it_takes(name: str) -> None:
    settings = Settings()
    longest = settings.shutdown_delay + settings.drain + settings.grace + 1
    assert float(services()[name]["stop_grace_period"].removesuffix("s")) > longest


def test_the_image_installs_extras_that_the_package_has() -> None:
    project = page("pyproject.toml")
    extras = re.findall(r"/source\[([\w,]+)\]", page("deploy/Dockerfile"))[0].split(",")
    for extra in extras:
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE)
