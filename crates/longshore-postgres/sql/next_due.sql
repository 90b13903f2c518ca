-- Jobs that are due later, the next one first. Each queue gives its next ones; the next of these are told.
-- Locks: none. Indexes: scheduled_due, then one look-up per place.
SELECT id, created_at, labels::text AS labels, submitted_priority, queue, state, lane, attempts,
       due_at, started_at, ended_at, exit_code, spec ->> 'name' AS name, spec ->> 'image' AS image,
       ARRAY(SELECT jsonb_array_elements_text(spec -> 'command')) AS command
FROM job_summary
WHERE id = ANY (ARRAY(
    SELECT next.job_id
    FROM queue
    CROSS JOIN LATERAL (
        SELECT job_id, due_at FROM scheduled
        WHERE queue_id = queue.id AND due_at > now() AND due_at < 'infinity'
        ORDER BY due_at, job_id LIMIT $1
    ) AS next
    ORDER BY next.due_at, next.job_id LIMIT $1))
ORDER BY due_at, id
