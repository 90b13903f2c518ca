-- Failed jobs whose last attempt never started, counted no further than :cap. Index
-- attempt_unstarted, then settled by primary key.
SELECT count(*) FROM (
    SELECT 1 FROM attempt JOIN settled ON settled.job_id = attempt.job_id
    WHERE attempt.started_at IS NULL AND settled.state = 'failed'
        AND settled.attempt = attempt.attempt
    LIMIT :cap)
