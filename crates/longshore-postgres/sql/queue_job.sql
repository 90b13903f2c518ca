-- pending → queued: to the line, or to its time ($2) if that is still to come; $3 is the queue
-- timeout in seconds. The row was written (deleted) before the seq is drawn, as the frontier asks.
-- Locks: the row in scheduled. Index: scheduled_pkey.
WITH moved AS (
    DELETE FROM scheduled WHERE job_id = $1 AND reason IN ('pending', 'held')
    RETURNING *, ($2::timestamptz > clock_timestamp()) IS TRUE AS is_early
), readied AS (
    INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
    SELECT nextval('ready_seq'), job_id, queue_id, attempt, 'released', lane, tries, losses
    FROM moved WHERE NOT is_early
), put_off AS (
    INSERT INTO scheduled (job_id, due_at, queue_id, attempt, reason, lane, tries, losses)
    SELECT job_id, $2, queue_id, attempt, 'delayed', lane, tries, losses FROM moved WHERE is_early
), bounded AS (
    INSERT INTO waiting_deadline (job_id, expires_at, allowed)
    SELECT job_id, greatest($2, clock_timestamp()) + make_interval(secs => $3), make_interval(secs => $3)
    FROM moved WHERE $3::float8 IS NOT NULL
    ON CONFLICT (job_id) DO UPDATE SET expires_at = excluded.expires_at
)
SELECT queue_id FROM moved
