-- A page of jobs of any state: newest first, $1 jobs older than $2, in queue $3, with labels $4.
-- Ids by cursor first, then bodies by those ids; one statement, so that a page is of one moment.
-- Locks: none. Indexes: job_pkey backwards (or job_labels), then one look-up per place.
SELECT id, created_at, labels::text AS labels, submitted_priority, queue, state, lane, attempts,
       due_at, started_at, ended_at, exit_code, spec ->> 'name' AS name, spec ->> 'image' AS image,
       ARRAY(SELECT jsonb_array_elements_text(spec -> 'command')) AS command
FROM job_summary
WHERE id = ANY (ARRAY(
    SELECT j.id FROM job AS j
    WHERE j.id < $2 AND ($3::integer IS NULL OR j.queue_id = $3)
      AND ($4::text IS NULL OR j.labels @> $4::text::jsonb)
    ORDER BY j.id DESC LIMIT $1))
ORDER BY id DESC
