-- Lists read the rows of runs, and a request may be long, so requests get a table of their own.
CREATE TABLE requests (
    run INTEGER PRIMARY KEY REFERENCES runs (seq),
    document TEXT NOT NULL
) STRICT;
INSERT INTO requests SELECT seq, request FROM runs;
ALTER TABLE runs DROP COLUMN request;

-- Bytes of a run's events and result.
ALTER TABLE runs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET bytes =
    (SELECT ifnull(sum(length(events)), 0) FROM event_batches WHERE run = seq)
    + (SELECT ifnull(sum(length(packed)), 0) FROM results WHERE run = seq);

CREATE INDEX runs_by_strategy ON runs (strategy, seq);
CREATE INDEX runs_forgotten ON runs (seq) WHERE run_id IS NULL;

-- What people have written on a run; no row where they have written nothing. `search_text` is all of
-- it with case folded.
CREATE TABLE labels (
    run INTEGER PRIMARY KEY REFERENCES runs (seq),
    name TEXT NOT NULL,
    tags TEXT NOT NULL,
    note TEXT NOT NULL,
    search_text TEXT NOT NULL
) STRICT;

-- Which runs have a tag or a symbol.
CREATE TABLE found_by (
    kind TEXT NOT NULL,
    word TEXT NOT NULL,
    run INTEGER NOT NULL REFERENCES runs (seq),
    PRIMARY KEY (kind, word, run)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO found_by SELECT 'symbol', value, seq FROM runs, json_each(runs.symbols);
