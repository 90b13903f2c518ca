-- Failed jobs whose last attempt never started, counted no further than :cap. Index
-- attempt_unstarted, then settled by primary key: in this order, whatever the statistics say.
SELECT count(*) FROM (
    SELECT 1 FROM attempt CROSS JOIN settled
    WHERE settled.job_id = attempt.job_id
        AND attempt.started_at IS NULL AND settled.state = 'failed'
        AND settled.attempt = attempt.attempt
    LIMIT :cap)
