-- Which types of events a batch holds: the sum of a bit for each, see event_batch.py. -1: not known,
-- so perhaps all.
ALTER TABLE event_batches ADD COLUMN types INTEGER NOT NULL DEFAULT -1;

-- A rare type is looked for in the index alone: the rows of batches are long.
CREATE INDEX batches_by_type ON event_batches (run, first_id, types);
