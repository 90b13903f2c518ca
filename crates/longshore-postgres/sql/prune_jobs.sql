-- Takes away these jobs ($1), if they still ended before the retention ($2 seconds), with their
-- attempts. Their output went before, or goes with its partition.
-- Locks: settled, in the order of jobs, passing over what others hold; a person's retry that comes
-- first wins. Indexes: settled_pkey, attempt_pkey, attempt_usage_pkey,
-- job_pkey.
WITH old AS MATERIALIZED (
    SELECT job_id FROM settled
    WHERE job_id = ANY ($1) AND at < clock_timestamp() - make_interval(secs => $2)
    ORDER BY job_id FOR UPDATE SKIP LOCKED
), settled_rows AS (
    DELETE FROM settled WHERE job_id = ANY (ARRAY(SELECT job_id FROM old)) RETURNING job_id
), deadlines AS (
    DELETE FROM waiting_deadline WHERE job_id = ANY (ARRAY(SELECT job_id FROM old))
), own_lanes AS (
    DELETE FROM aged WHERE job_id = ANY (ARRAY(SELECT job_id FROM old))
), attempts AS (
    DELETE FROM attempt WHERE job_id = ANY (ARRAY(SELECT job_id FROM old)) RETURNING job_id
), usage AS (
    DELETE FROM attempt_usage WHERE job_id = ANY (ARRAY(SELECT job_id FROM old))
), jobs AS (
    DELETE FROM job WHERE id = ANY (ARRAY(SELECT job_id FROM old)) RETURNING id
)
SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM attempts) AS attempts
