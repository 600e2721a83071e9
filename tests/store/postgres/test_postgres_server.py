"""The servers that the tests of PostgreSQL stand on do what those tests rely on.

Doctrine: each is a real server; what it is said to do is seen in a connection to it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.postgres import PostgresServer, new_database, postgres_server, shared_server


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    with postgres_server(durable=True) as server:
        yield server


def prepare(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE notes (text text)")


def notes(url: str) -> int:
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO notes VALUES ('one more')")
        row = connection.execute("SELECT count(*) FROM notes").fetchone()
    assert row is not None
    return int(row[0])


def test_databases_are_copies_of_a_prepared_one_and_know_nothing_of_each_other() -> None:
    urls = [new_database(prepare) for _ in range(2)]
    assert [notes(url) for url in urls] == [1, 1]
    assert notes(urls[0]) == 2


def test_databases_that_nobody_uses_are_dropped_in_time() -> None:
    for _ in range(12):
        new_database(prepare)
    found = shared_server().ask("SELECT count(*) FROM pg_database WHERE datname LIKE 'test%%'")
    assert found in ([8], [9])


def test_a_killed_server_goes_on_with_what_was_committed(own_server: PostgresServer) -> None:
    url = own_server.new_database(prepare)
    assert notes(url) == 1
    own_server.kill()
    with pytest.raises(psycopg.OperationalError):
        notes(url)
    own_server.start()
    assert notes(url) == 2
    own_server.restart("immediate")
    assert notes(url) == 3


def test_a_paused_server_answers_nobody_until_it_goes_on(own_server: PostgresServer) -> None:
    url = own_server.new_database(prepare)
    own_server.pause()
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        psycopg.connect(url, connect_timeout=2)
    gc.collect()  # the error holds the socket, in a circle
    own_server.resume()
    assert notes(url) == 1


def test_connections_can_be_cut_by_the_name_of_their_application(
    own_server: PostgresServer,
) -> None:
    url = own_server.new_database(prepare)
    with psycopg.connect(url, application_name="cut me") as cut, psycopg.connect(url) as left:
        assert own_server.terminate_backends(url.rpartition("/")[2], "cut%") == 1
        with pytest.raises(psycopg.OperationalError):
            cut.execute("SELECT 1")
        left.execute("SELECT 1")


def test_nothing_is_left_of_a_server_after_its_block() -> None:
    with postgres_server() as server:
        folder, processes = server.folder, server.processes
    assert not folder.exists()
    assert not [each for each in processes if runs(each)]


def runs(process: int) -> bool:
    """Return False for a process that has ended, though its parent may not have noticed yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except FileNotFoundError:
        return False
