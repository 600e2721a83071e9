"""Backends: a module that uses this fixture is run once with each pair of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.backends import BACKENDS, chosen


# Of the module and not of the test: hypothesis runs many examples in one test.
@pytest.fixture(scope="module", params=BACKENDS)
def backends(request: pytest.FixtureRequest) -> Iterator[None]:
    with chosen(BACKENDS[request.param]):
        yield
