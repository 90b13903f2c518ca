-- What was asked for, by which queue, and the lane of its own priority if it moved up with age. By primary
-- keys.
SELECT job.created_at, job.priority, job.idem_key, job.spec, queue.name AS queue, aged.lane AS own_lane
FROM job JOIN queue ON queue.id = job.queue_id
    LEFT JOIN aged ON aged.job_id = job.id
WHERE job.id = :job
