-- What attempts use over time: one row for each that runs for more than some seconds, written over with each
-- sample by whoever holds its lease. A series is thinned by its worker to a few kilobytes.
CREATE TABLE attempt_usage (
    job_id bigint NOT NULL,
    attempt integer NOT NULL,
    points json NOT NULL,               -- [[milliseconds since the start, CPU microseconds, bytes], …]
    PRIMARY KEY (job_id, attempt)
) WITH (
    -- Rows of live attempts are written over again and again, among those of all that ended.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000
);
