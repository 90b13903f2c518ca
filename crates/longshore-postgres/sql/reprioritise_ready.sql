-- Moves a job to the end of another lane ($2), with a new seq like all that is put into ready; what is
-- known of its ageing is forgotten.
-- Locks: the row in ready, then that in aged. Indexes: ready_job, aged_pkey.
WITH stays AS MATERIALIZED (
    -- For the feed of changes: the state stays as it is. Its trigger runs at the end of the statement.
    SELECT set_config('longshore.stays', 'on', true) AS is_told
),
moved AS (DELETE FROM ready WHERE job_id = $1 RETURNING *),
forgotten AS (DELETE FROM aged WHERE job_id IN (SELECT job_id FROM moved))
INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
SELECT nextval('ready_seq'), job_id, queue_id, attempt, reason, $2, tries, losses FROM moved CROSS JOIN stays
RETURNING queue_id
