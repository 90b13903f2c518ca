-- Ends up to $1 waiting jobs whose queue timeout has passed, and sweeps the deadlines of jobs that
-- ended. Those of live jobs stay, for such a job may come back.
-- Locks: deadlines, then ready and scheduled, all of them passing over what others hold: nothing is
-- waited for, so this order breaks no rule. Indexes: waiting_deadline_at, ready_job, scheduled_pkey.
WITH past AS MATERIALIZED (
    SELECT job_id FROM waiting_deadline AS d
    WHERE expires_at <= now()
      AND NOT EXISTS (SELECT FROM lease AS l WHERE l.job_id = d.job_id)
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
), in_line AS MATERIALIZED (
    SELECT job_id FROM ready WHERE job_id = ANY (ARRAY(SELECT job_id FROM past))
    ORDER BY job_id FOR UPDATE SKIP LOCKED
), put_off AS MATERIALIZED (
    SELECT job_id FROM scheduled
    WHERE job_id = ANY (ARRAY(SELECT job_id FROM past)) AND due_at < 'infinity'
    ORDER BY job_id FOR UPDATE SKIP LOCKED
), from_line AS (
    DELETE FROM ready WHERE job_id = ANY (ARRAY(SELECT job_id FROM in_line))
    RETURNING job_id, queue_id, attempt
), from_scheduled AS (
    DELETE FROM scheduled WHERE job_id = ANY (ARRAY(SELECT job_id FROM put_off))
    RETURNING job_id, queue_id, attempt
), expired AS (
    INSERT INTO settled (job_id, at, queue_id, attempt, exit_code, state)
    SELECT job_id, clock_timestamp(), queue_id, attempt, NULL, 'timed_out'
    FROM (SELECT * FROM from_line UNION ALL SELECT * FROM from_scheduled) AS taken
    RETURNING job_id
), swept AS (
    DELETE FROM waiting_deadline WHERE job_id IN (
        SELECT job_id FROM expired
        UNION ALL
        SELECT job_id FROM past AS p
        WHERE NOT EXISTS (SELECT FROM ready WHERE job_id = p.job_id)
          AND NOT EXISTS (SELECT FROM scheduled WHERE job_id = p.job_id))
    RETURNING job_id
)
SELECT ARRAY(SELECT job_id FROM expired ORDER BY job_id) AS expired, (SELECT count(*) FROM swept) AS swept
