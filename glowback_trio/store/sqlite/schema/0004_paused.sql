-- Whether a run is paused. No log says it, because a pause leaves no event.
ALTER TABLE runs ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
