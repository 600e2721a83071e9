-- The gateways that share this database. A row is a lease: it is renewed by the clock of the database,
-- and whoever finds that it has expired fences it. Rows of fenced leases stay until nothing names them.
CREATE TABLE gateways (
    epoch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    address text,
    version text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz NOT NULL,
    fenced boolean NOT NULL DEFAULT false
);

-- The number of the last commit of each gateway: one whose outcome was lost with its connection is
-- found here, and never made twice.
CREATE TABLE commits (
    epoch bigint PRIMARY KEY REFERENCES gateways (epoch) ON DELETE CASCADE,
    number bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

-- A commit begins with this: a gateway that was fenced commits nothing, and while a commit is under
-- way its lease cannot be fenced (FOR UPDATE waits for FOR KEY SHARE).
CREATE FUNCTION begin_commit(of_epoch bigint, this_number bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- The process of a gateway that froze in the middle of a commit is found by this name.
    PERFORM set_config('application_name', 'glowback-trio commit ' || of_epoch, true);
    PERFORM FROM gateways WHERE epoch = of_epoch AND NOT fenced FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the lease of gateway % was fenced', of_epoch USING ERRCODE = 'GB001';
    END IF;
    UPDATE commits SET number = this_number WHERE epoch = of_epoch AND number = this_number - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'commit % was made before', this_number USING ERRCODE = 'GB002';
    END IF;
END
$$;

-- Runs and attempts are numbered together, in the order in which they were stored.
CREATE SEQUENCE row_numbers;

-- One row a run. A run that was forgotten has no run_id; its rows are removed once nobody reads its log
-- any more. `held_by` is the epoch of the gateway that computes it and alone appends to its log.
CREATE TABLE runs (
    seq bigint PRIMARY KEY,
    run_id text UNIQUE,
    idempotency_key text UNIQUE,
    strategy text NOT NULL,
    symbols text[] NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    created_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    progress double precision NOT NULL DEFAULT 0.0,
    error text,
    event_count bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    paused boolean NOT NULL DEFAULT false,
    owner text NOT NULL DEFAULT '',
    priority integer NOT NULL DEFAULT 0,
    fingerprint text,
    held_by bigint,
    taken_at timestamptz,
    begun boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
CREATE INDEX runs_unfinished ON runs (seq) WHERE finished_at IS NULL;
CREATE INDEX runs_by_state ON runs (state, seq);
CREATE INDEX runs_by_strategy ON runs (strategy, seq);
CREATE INDEX runs_forgotten ON runs (seq) WHERE run_id IS NULL;
CREATE INDEX runs_by_holder ON runs (held_by) WHERE finished_at IS NULL;

-- Lists read the rows of runs, and a request may be long, so requests get a table of their own.
CREATE TABLE requests (
    run bigint PRIMARY KEY REFERENCES runs (seq) ON DELETE CASCADE,
    document text NOT NULL
);

-- Consecutive events of a run or an attempt, one JSON document a line, each line ended; the checksum is
-- the CRC-32 of all these bytes, and `types` the sum of a bit for each type, see durable/event_batch.py.
CREATE TABLE event_batches (
    run bigint NOT NULL,
    first_id bigint NOT NULL,
    count integer NOT NULL,
    checksum bigint NOT NULL,
    types integer NOT NULL,
    events bytea NOT NULL,
    PRIMARY KEY (run, first_id) INCLUDE (types)
);
-- What compresses well within a tenth of the time, where the server can.
DO $$ BEGIN
    ALTER TABLE event_batches ALTER COLUMN events SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;

-- Results as wire/exports/packed_result.py writes them; the metrics once more, for lists.
CREATE TABLE results (
    run bigint PRIMARY KEY REFERENCES runs (seq) ON DELETE CASCADE,
    metrics text NOT NULL,
    packed bytea NOT NULL
);
ALTER TABLE results ALTER COLUMN packed SET STORAGE EXTERNAL;

-- What people have written on a run; no row where they have written nothing. `search_text` is all of
-- it with case folded.
CREATE TABLE labels (
    run bigint PRIMARY KEY REFERENCES runs (seq) ON DELETE CASCADE,
    name text NOT NULL,
    tags text[] NOT NULL,
    note text NOT NULL,
    search_text text NOT NULL
);

-- Which runs have a tag or a symbol.
CREATE TABLE found_by (
    kind text NOT NULL,
    word text NOT NULL,
    run bigint NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    PRIMARY KEY (kind, word, run)
);
CREATE INDEX found_by_run ON found_by (run);

-- One row an optimization, in the order in which they were stored. One that was forgotten has no id; its
-- rows are removed once nobody reads its logs any more.
CREATE TABLE optimizations (
    seq bigint PRIMARY KEY,
    optimization_id text UNIQUE,
    idempotency_key text UNIQUE,
    request text NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    owner text NOT NULL DEFAULT '',
    priority integer NOT NULL DEFAULT 0,
    fingerprint text,
    held_by bigint,
    taken_at timestamptz,
    begun boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
CREATE INDEX optimizations_forgotten ON optimizations (seq) WHERE optimization_id IS NULL;
CREATE INDEX optimizations_by_holder ON optimizations (held_by);

-- One row an attempt. Its log is in event_batches. `status` is the JSON that was noted with the last
-- events.
CREATE TABLE attempts (
    seq bigint PRIMARY KEY,
    optimization bigint NOT NULL REFERENCES optimizations (seq) ON DELETE CASCADE,
    number integer NOT NULL,
    event_count bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    finished_at timestamptz,
    status text NOT NULL DEFAULT '',
    UNIQUE (optimization, number)
) WITH (fillfactor = 50);

-- What is known of a trial besides its event.
CREATE TABLE trial_notes (
    optimization bigint NOT NULL REFERENCES optimizations (seq) ON DELETE CASCADE,
    trial bigint NOT NULL,
    duration_s double precision NOT NULL,
    sketch bytea NOT NULL,
    PRIMARY KEY (optimization, trial)
);

-- The result that was kept last, as compressed JSON.
CREATE TABLE optimization_results (
    optimization bigint PRIMARY KEY REFERENCES optimizations (seq) ON DELETE CASCADE,
    packed bytea NOT NULL
);
ALTER TABLE optimization_results ALTER COLUMN packed SET STORAGE EXTERNAL;

-- The ledger of trials: each row holds the hash of the one before it.
CREATE TABLE ledger (
    number bigint PRIMARY KEY,
    previous text NOT NULL,
    hash text NOT NULL,
    name text NOT NULL,
    fingerprint text,
    dataset text NOT NULL,
    origin text NOT NULL,
    origin_id text NOT NULL,
    owner text NOT NULL,
    trials bigint NOT NULL,
    rated bigint NOT NULL,
    sharpe_sum double precision NOT NULL,
    sharpe_square_sum double precision NOT NULL,
    alike bigint NOT NULL
);
CREATE INDEX ledger_by_dataset ON ledger (dataset, name);
CREATE INDEX ledger_by_origin ON ledger (origin_id);

-- Keys of requests that begin something: whoever inserts the row begins it.
CREATE TABLE idempotency_keys (
    kind text NOT NULL,
    key text NOT NULL,
    id text NOT NULL,
    digest text NOT NULL,
    epoch bigint NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (made_at);

-- Tickets that open one WebSocket each: the digest of a ticket, and what it opens.
CREATE TABLE tickets (
    digest bytea PRIMARY KEY,
    holder text NOT NULL,
    opens text NOT NULL,
    until timestamptz NOT NULL
);
CREATE INDEX tickets_by_age ON tickets (until);

-- How much each gateway has spent of the rate of each client, exchanged once a second.
CREATE UNLOGGED TABLE rates (
    client text NOT NULL,
    epoch bigint NOT NULL,
    spent double precision NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client, epoch)
);
CREATE INDEX rates_by_age ON rates (at);
