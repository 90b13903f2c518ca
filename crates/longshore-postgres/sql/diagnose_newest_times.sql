-- The newest times that were written by this clock, each with what it is of. Names are qualified, for the
-- session may be one that was told nothing. Locks: none. Indexes: job_pkey, its end; lease and worker by
-- their whole length, which are short.
SELECT what, extract(epoch FROM at - clock_timestamp())::float8 AS ahead_seconds
FROM (
    SELECT 'the newest job was submitted' AS what,
           (SELECT created_at FROM longshore.job ORDER BY id DESC LIMIT 1) AS at
    UNION ALL
    SELECT 'a worker gave its last sign of life', (SELECT max(heartbeat_at) FROM longshore.worker)
    UNION ALL
    SELECT 'a job was acquired', (SELECT max(claimed_at) FROM longshore.lease)
) AS newest
WHERE at IS NOT NULL ORDER BY at DESC LIMIT 1
