-- The gateway whose commit this is, by the name that begin_commit gives to its connection.
CREATE FUNCTION own_epoch() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT substring(current_setting('application_name') FROM '^glowback-trio commit (\d+)$')::bigint
$$;

-- Runs and optimizations alike, as gateways hold them, with the newest log of each.
CREATE VIEW work AS
SELECT 'run' AS kind, run_id AS id, seq, owner, held_by, changed_at, event_count,
    finished_at IS NOT NULL AS ended,
    state = 'queued' AND NOT begun AS queued, paused
FROM runs WHERE run_id IS NOT NULL
UNION ALL
SELECT 'optimization', optimization_id, optimizations.seq, owner, held_by, changed_at,
    newest.event_count, newest.finished_at IS NOT NULL, false, paused
FROM optimizations CROSS JOIN LATERAL (
    SELECT event_count, finished_at FROM attempts
    WHERE optimization = optimizations.seq ORDER BY number DESC LIMIT 1
) AS newest
WHERE optimization_id IS NOT NULL;

-- What has changed so that a list shows it, for gateways that ask what others have done. Rows are kept
-- for some minutes. An index of the times in the tables themselves would make each append dearer.
CREATE TABLE changes (
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL,
    id text NOT NULL,
    made_by text NOT NULL DEFAULT current_setting('application_name')
);
CREATE INDEX changes_by_time ON changes (at);

CREATE FUNCTION note_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (kind, id)
    SELECT 'run', each FROM (VALUES (OLD.run_id), (NEW.run_id)) AS both_ids (each)
    WHERE each IS NOT NULL GROUP BY each;
    RETURN NULL;
END
$$;
CREATE TRIGGER run_begun AFTER INSERT ON runs FOR EACH ROW EXECUTE FUNCTION note_run();
CREATE TRIGGER run_changed AFTER UPDATE ON runs FOR EACH ROW WHEN (
    (OLD.run_id, OLD.state, OLD.paused, OLD.finished_at IS NULL)
    IS DISTINCT FROM (NEW.run_id, NEW.state, NEW.paused, NEW.finished_at IS NULL)
) EXECUTE FUNCTION note_run();

CREATE FUNCTION note_labels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (kind, id)
    SELECT 'run', run_id FROM runs WHERE seq = NEW.run AND run_id IS NOT NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER labels_changed AFTER INSERT OR UPDATE ON labels
FOR EACH ROW EXECUTE FUNCTION note_labels();

CREATE FUNCTION note_optimization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (kind, id)
    SELECT 'optimization', each
    FROM (VALUES (OLD.optimization_id), (NEW.optimization_id)) AS both_ids (each)
    WHERE each IS NOT NULL GROUP BY each;
    RETURN NULL;
END
$$;
CREATE TRIGGER optimization_begun AFTER INSERT ON optimizations
FOR EACH ROW EXECUTE FUNCTION note_optimization();
CREATE TRIGGER optimization_changed AFTER UPDATE ON optimizations FOR EACH ROW WHEN (
    (OLD.optimization_id, OLD.paused) IS DISTINCT FROM (NEW.optimization_id, NEW.paused)
) EXECUTE FUNCTION note_optimization();

CREATE FUNCTION note_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (kind, id)
    SELECT 'optimization', optimization_id FROM optimizations
    WHERE seq = NEW.optimization AND optimization_id IS NOT NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER attempt_begun AFTER INSERT ON attempts
FOR EACH ROW EXECUTE FUNCTION note_attempt();
CREATE TRIGGER attempt_ended AFTER UPDATE ON attempts FOR EACH ROW WHEN (
    (OLD.finished_at IS NULL) IS DISTINCT FROM (NEW.finished_at IS NULL)
) EXECUTE FUNCTION note_attempt();

-- The next entry of the ledger. Its hash is that of canonical JSON, of which the caller has all but the
-- number and the hash before it: the text before, between and after those. Only one commit at a time
-- can be at it, so it is the last thing that a commit does.
CREATE FUNCTION append_to_ledger(
    before text, between_both text, after text, name text, fingerprint text, dataset text,
    origin text, origin_id text, owner text, trials bigint, rated bigint,
    sharpe_sum double precision, sharpe_square_sum double precision, alike bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    this_number bigint;
    last_hash text;
BEGIN
    PERFORM pg_advisory_xact_lock(7205759403792793);
    SELECT ledger.number, ledger.hash INTO this_number, last_hash
    FROM ledger ORDER BY ledger.number DESC LIMIT 1;
    this_number := coalesce(this_number, 0) + 1;
    last_hash := coalesce(last_hash, 'sha256:' || repeat('0', 64));
    INSERT INTO ledger VALUES (
        this_number, last_hash,
        'sha256:' || encode(sha256(convert_to(
            before || this_number || between_both || last_hash || after, 'UTF8')), 'hex'),
        name, fingerprint, dataset, origin, origin_id, owner, trials, rated, sharpe_sum,
        sharpe_square_sum, alike
    );
END
$$;
