-- A page of jobs of some states ($3, by name): newest first, $1 jobs older than $2. Each place gives its
-- newest ids; the newest of these make the page.
-- Locks: none. Indexes: settled_state, ready_job, scheduled_pkey and lease_pkey backwards.
SELECT id, created_at, labels::text AS labels, submitted_priority, queue, state, lane, attempts,
       due_at, started_at, ended_at, exit_code, spec ->> 'name' AS name, spec ->> 'image' AS image,
       ARRAY(SELECT jsonb_array_elements_text(spec -> 'command')) AS command
FROM job_summary
WHERE id = ANY (ARRAY(
    SELECT job_id FROM (
        (SELECT job_id FROM ready
         WHERE job_id < $2 AND CASE reason WHEN 'retry' THEN 'retrying' ELSE 'queued' END = ANY ($3::text[])
         ORDER BY job_id DESC LIMIT $1)
        UNION ALL
        (SELECT job_id FROM scheduled
         WHERE job_id < $2
           AND CASE reason WHEN 'retry' THEN 'retrying' WHEN 'pending' THEN 'pending'
                           WHEN 'held' THEN 'pending' ELSE 'queued' END = ANY ($3::text[])
         ORDER BY job_id DESC LIMIT $1)
        UNION ALL
        (SELECT job_id FROM lease
         WHERE job_id < $2
           AND CASE WHEN started_at IS NULL THEN 'launching' ELSE 'running' END = ANY ($3::text[])
         ORDER BY job_id DESC LIMIT $1)
        UNION ALL
        SELECT newest.job_id
        FROM unnest(ARRAY['completed', 'failed', 'timed_out', 'cancelled']) AS terminal(name)
        CROSS JOIN LATERAL (
            SELECT job_id FROM settled
            WHERE state = terminal.name::terminal_state AND job_id < $2
            ORDER BY job_id DESC LIMIT $1
        ) AS newest
        WHERE terminal.name = ANY ($3::text[])
    ) AS found
    ORDER BY job_id DESC LIMIT $1))
ORDER BY id DESC
