-- A page of jobs of any state: newest first, $1 jobs older than $2.
-- Ids by cursor first, then bodies by those ids; one statement, so that a page is of one moment.
-- Locks: none. Indexes: job_pkey backwards, then one look-up per place.
SELECT id, created_at, labels::text AS labels, submitted_priority, queue, state, lane, attempts,
       due_at, started_at, ended_at, exit_code, spec ->> 'name' AS name, spec ->> 'image' AS image,
       ARRAY(SELECT jsonb_array_elements_text(spec -> 'command')) AS command
FROM job_summary
WHERE id = ANY (ARRAY(SELECT id FROM job WHERE id < $2 ORDER BY id DESC LIMIT $1))
ORDER BY id DESC
