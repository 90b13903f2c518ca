-- What was asked for, and by which queue. By primary keys.
SELECT job.created_at, job.priority, job.idem_key, job.spec, queue.name AS queue
FROM job JOIN queue ON queue.id = job.queue_id
WHERE job.id = :job
