-- One row a run, in the order in which runs were opened. A run that was forgotten has no run_id; its
-- rows are removed once nobody reads its log any more.
CREATE TABLE runs (
    seq INTEGER PRIMARY KEY,
    run_id TEXT UNIQUE,
    idempotency_key TEXT UNIQUE,
    request TEXT NOT NULL,
    strategy TEXT NOT NULL,
    symbols TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued',
    created_at TEXT,
    started_at TEXT,
    finished_at TEXT,
    progress REAL NOT NULL DEFAULT 0.0,
    error TEXT,
    event_count INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX runs_unfinished ON runs (seq) WHERE finished_at IS NULL;
CREATE INDEX runs_by_state ON runs (state, seq);

-- Consecutive events of a run, one JSON document a line, each line ended; the checksum is the CRC-32
-- of all these bytes.
CREATE TABLE event_batches (
    run INTEGER NOT NULL REFERENCES runs (seq),
    first_id INTEGER NOT NULL,
    count INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    events BLOB NOT NULL,
    PRIMARY KEY (run, first_id)
) STRICT;

-- Results as wire/exports/packed_result.py writes them; the metrics once more, for lists.
CREATE TABLE results (
    run INTEGER PRIMARY KEY REFERENCES runs (seq),
    metrics TEXT NOT NULL,
    packed BLOB NOT NULL
) STRICT;
