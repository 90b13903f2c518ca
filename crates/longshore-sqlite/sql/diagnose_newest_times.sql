-- The newest time that was written by this clock, and what it is of. Jobs by primary key, from its end;
-- lease and worker by their whole length, which are short.
SELECT what, at FROM (
    SELECT 'the newest job was submitted' AS what,
        (SELECT created_at FROM job ORDER BY id DESC LIMIT 1) AS at
    UNION ALL
    SELECT 'a worker gave its last sign of life', (SELECT max(heartbeat_at) FROM worker)
    UNION ALL
    SELECT 'a job was acquired', (SELECT max(claimed_at) FROM lease))
WHERE at IS NOT NULL ORDER BY at DESC LIMIT 1
