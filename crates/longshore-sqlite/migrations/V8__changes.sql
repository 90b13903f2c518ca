-- The feed of changes: every job that came into another state, for listeners that keep nothing but a
-- cursor. Written by triggers of the places, so that no path goes past it.
--
-- There is one writer at a time, so rows become visible in the order of their numbers, without a gap: a
-- cursor is a number. The newest row is never taken away, so that no number is given again.
CREATE TABLE change (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,               -- read to the millisecond: SQLite's own look at the clock
    job_id INTEGER NOT NULL,
    queue_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'queued', 'retrying', 'launching', 'running',
        'completed', 'failed', 'timed_out', 'cancelled'))
) STRICT;

-- What has come due ('delayed', 'retry') stays queued or retrying. What moves within a place (another
-- priority, ageing) is an UPDATE, and no trigger's business.
CREATE TRIGGER change_ready AFTER INSERT ON ready WHEN new.reason NOT IN ('delayed', 'retry')
BEGIN
    INSERT INTO change (at, job_id, queue_id, state)
    VALUES (CAST(unixepoch('subsec') * 1000000 AS INTEGER), new.job_id, new.queue_id, 'queued');
END;

CREATE TRIGGER change_scheduled AFTER INSERT ON scheduled
BEGIN
    INSERT INTO change (at, job_id, queue_id, state)
    VALUES (CAST(unixepoch('subsec') * 1000000 AS INTEGER), new.job_id, new.queue_id,
        CASE WHEN new.reason = 'retry' THEN 'retrying'
             WHEN new.reason IN ('pending', 'held') THEN 'pending'
             ELSE 'queued' END);
END;

CREATE TRIGGER change_launching AFTER INSERT ON lease
BEGIN
    INSERT INTO change (at, job_id, queue_id, state)
    VALUES (CAST(unixepoch('subsec') * 1000000 AS INTEGER), new.job_id, new.queue_id, 'launching');
END;

CREATE TRIGGER change_running AFTER UPDATE OF started_at ON lease
    WHEN old.started_at IS NULL AND new.started_at IS NOT NULL
BEGIN
    INSERT INTO change (at, job_id, queue_id, state)
    VALUES (CAST(unixepoch('subsec') * 1000000 AS INTEGER), new.job_id, new.queue_id, 'running');
END;

CREATE TRIGGER change_settled AFTER INSERT ON settled
BEGIN
    INSERT INTO change (at, job_id, queue_id, state)
    VALUES (CAST(unixepoch('subsec') * 1000000 AS INTEGER), new.job_id, new.queue_id, new.state);
END;
