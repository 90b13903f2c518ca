-- A delivery, due now, of a webhook that is there and on.
INSERT INTO delivery (webhook_id, job_id, job_state, at, next_at)
SELECT w.id, :job, :state, :at, :now FROM webhook AS w WHERE w.id = :webhook AND w.enabled
