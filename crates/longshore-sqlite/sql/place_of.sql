-- The one place that a job is in. Four probes, each by the place's key on job_id.
SELECT 'ready' AS place, queue_id, attempt, lane, tries, losses, reason, NULL AS due_at,
    NULL AS started_at, NULL AS cancel_requested, NULL AS state, NULL AS at, NULL AS exit_code
FROM ready WHERE job_id = :job
UNION ALL
SELECT 'scheduled', queue_id, attempt, lane, tries, losses, reason, due_at,
    NULL, NULL, NULL, NULL, NULL
FROM scheduled WHERE job_id = :job
UNION ALL
SELECT 'lease', queue_id, attempt, lane, tries, losses, NULL, NULL,
    started_at, cancel_requested_at IS NOT NULL, NULL, NULL, NULL
FROM lease WHERE job_id = :job
UNION ALL
SELECT 'settled', queue_id, attempt, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, state, at, exit_code
FROM settled WHERE job_id = :job
