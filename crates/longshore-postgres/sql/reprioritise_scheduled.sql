-- Gives a job that is not due yet, or pending, another lane ($2); it stays due when it was, and what is
-- known of its ageing is forgotten.
-- Locks: the row in scheduled, then that in aged. Indexes: scheduled_pkey, aged_pkey.
WITH stays AS MATERIALIZED (
    -- For the feed of changes: the state stays as it is. Its trigger runs at the end of the statement.
    SELECT set_config('longshore.stays', 'on', true) AS is_told
),
moved AS (DELETE FROM scheduled WHERE job_id = $1 RETURNING *),
forgotten AS (DELETE FROM aged WHERE job_id IN (SELECT job_id FROM moved))
INSERT INTO scheduled (job_id, due_at, queue_id, attempt, reason, lane, tries, losses)
SELECT job_id, due_at, queue_id, attempt, reason, $2, tries, losses FROM moved CROSS JOIN stays
RETURNING queue_id
