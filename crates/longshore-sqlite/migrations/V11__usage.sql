-- What attempts use over time: one row for each that runs for more than some seconds, written over with each
-- sample by whoever holds its lease. A series is thinned by its worker to a few kilobytes.
CREATE TABLE attempt_usage (
    job_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    points TEXT NOT NULL CHECK (json_valid(points)),  -- [[milliseconds since the start, CPU microseconds, bytes], …]
    PRIMARY KEY (job_id, attempt)
) STRICT, WITHOUT ROWID;
