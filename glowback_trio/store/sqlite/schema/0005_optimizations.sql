-- One row an optimization, in the order in which they were begun. One that was forgotten has no id;
-- its rows are removed once nobody reads its logs any more.
CREATE TABLE optimizations (
    seq INTEGER PRIMARY KEY,
    optimization_id TEXT UNIQUE,
    idempotency_key TEXT UNIQUE,
    request TEXT NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One row an attempt. Its log is in event_batches, whose column `run` holds the seq of a run or of an
-- attempt: both are numbered together. `status` is the JSON that was noted with the last events.
CREATE TABLE attempts (
    seq INTEGER PRIMARY KEY,
    optimization INTEGER NOT NULL REFERENCES optimizations (seq),
    number INTEGER NOT NULL,
    event_count INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    finished_at TEXT,
    status TEXT NOT NULL DEFAULT '',
    UNIQUE (optimization, number)
) STRICT;

-- What is known of a trial besides its event.
CREATE TABLE trial_notes (
    optimization INTEGER NOT NULL REFERENCES optimizations (seq),
    trial INTEGER NOT NULL,
    duration_s REAL NOT NULL,
    sketch BLOB NOT NULL,
    PRIMARY KEY (optimization, trial)
) STRICT, WITHOUT ROWID;

-- The result that was kept last, as compressed JSON.
CREATE TABLE optimization_results (
    optimization INTEGER PRIMARY KEY REFERENCES optimizations (seq),
    packed BLOB NOT NULL
) STRICT;

-- The ledger of trials: each row holds the hash of the one before it.
CREATE TABLE ledger (
    number INTEGER PRIMARY KEY,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    name TEXT NOT NULL,
    fingerprint TEXT,
    dataset TEXT NOT NULL,
    origin TEXT NOT NULL,
    origin_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    trials INTEGER NOT NULL,
    rated INTEGER NOT NULL,
    sharpe_sum REAL NOT NULL,
    sharpe_square_sum REAL NOT NULL,
    alike INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_by_dataset ON ledger (dataset, name);
CREATE INDEX ledger_by_origin ON ledger (origin_id);
