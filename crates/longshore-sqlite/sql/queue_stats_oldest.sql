-- When the first of a queue's jobs that may start now began to wait; null when none waits. Of each lane the
-- first by place is the oldest. `ready` has no times: a job that has run before counts from when its last
-- attempt ended, another from when it was submitted or was to be due. The key of ready, two descents for
-- each lane in use; attempt and job by primary key; index scheduled_due.
WITH RECURSIVE line (lane) AS (
    SELECT min(lane) FROM ready WHERE queue_id = :queue
    UNION ALL
    SELECT (SELECT min(lane) FROM ready WHERE queue_id = :queue AND lane > line.lane)
    FROM line WHERE line.lane IS NOT NULL
)
SELECT min(since) AS since FROM (
    SELECT coalesce(
        (SELECT ended_at FROM attempt
            WHERE attempt.job_id = ready.job_id AND attempt.attempt = ready.attempt),
        (SELECT max(created_at,
                coalesce(CAST(unixepoch(spec ->> 'scheduled_for', 'subsec') * 1000000 AS INTEGER), 0))
            FROM job WHERE job.id = ready.job_id)) AS since
    FROM line CROSS JOIN ready
    WHERE ready.queue_id = :queue AND ready.lane = line.lane
        AND ready.seq = (SELECT min(seq) FROM ready WHERE queue_id = :queue AND lane = line.lane)
    UNION ALL
    SELECT min(due_at) FROM scheduled WHERE queue_id = :queue AND due_at <= :now
)
