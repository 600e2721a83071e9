"""Notes of who has written each batch of events, which the database takes at each commit.

A trigger of the test notes, when a commit ends, the gateway whose commit it is beside the gateway
that holds the run. The two are the same in each commit, or two gateways have written one log.
"""

from __future__ import annotations

from support.cluster.gateways import Cluster

__all__ = ["check_writers", "note_writers"]

_TABLE = """
CREATE TABLE writers (run bigint, first_id bigint, epoch bigint, holder bigint, fenced boolean)
"""
_FUNCTION = """
CREATE FUNCTION note_writer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO writers
    SELECT NEW.run, NEW.first_id, own_epoch(), held_by,
        (SELECT fenced FROM gateways WHERE epoch = own_epoch())
    FROM runs WHERE seq = NEW.run;
    RETURN NULL;
END
$$
"""
# Deferred: a commit may write events first and the row of their run after them.
_TRIGGER = """
CREATE CONSTRAINT TRIGGER batch_written AFTER INSERT ON event_batches
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_writer()
"""


def note_writers(cluster: Cluster) -> None:
    """Take notes from now on."""
    for statement in (_TABLE, _FUNCTION, _TRIGGER):
        cluster.do(statement)


def check_writers(cluster: Cluster) -> tuple[int, int]:
    """Check that each batch was written by the gateway that held its run.

    Returns:
        How many batches were noted, and how many runs have batches of several gateways: one after
        the other, since each held the run when it wrote.
    """
    strange = cluster.ask(
        "SELECT * FROM writers WHERE epoch IS DISTINCT FROM holder OR fenced IS DISTINCT FROM false"
    )
    assert not strange, f"batches by others than the holder: {strange[:5]}"
    unnoted = cluster.ask(
        "SELECT run, first_id FROM event_batches EXCEPT SELECT run, first_id FROM writers"
    )
    assert not unnoted, f"batches of unknown writers: {unnoted[:5]}"
    [(batches, runs)] = cluster.ask(
        "SELECT (SELECT count(*) FROM writers), (SELECT count(*) FROM "
        "(SELECT run FROM writers GROUP BY run HAVING count(DISTINCT epoch) > 1) AS taken_over)"
    )
    assert isinstance(batches, int)
    assert isinstance(runs, int)
    return batches, runs
