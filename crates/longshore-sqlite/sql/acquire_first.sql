-- The first jobs in line. The key of ready is the order of the line; job by primary key.
SELECT ready.job_id, ready.lane, ready.seq, ready.attempt, ready.tries, ready.losses,
    job.spec, job.idem_key
FROM ready LEFT JOIN job ON job.id = ready.job_id
WHERE ready.queue_id = :queue
ORDER BY ready.lane, ready.seq
LIMIT :count
