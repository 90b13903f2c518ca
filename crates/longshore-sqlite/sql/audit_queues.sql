-- Rows that name another queue than their job, or none that exists. Reads every place.
SELECT 'job ' || place.job_id || ' is in ' || place.place || ' of queue ' || place.queue_id
    || ', but was submitted to queue ' || job.queue_id
FROM (
    SELECT job_id, 'ready' AS place, queue_id FROM ready
    UNION ALL SELECT job_id, 'scheduled', queue_id FROM scheduled
    UNION ALL SELECT job_id, 'lease', queue_id FROM lease
    UNION ALL SELECT job_id, 'settled', queue_id FROM settled) AS place
JOIN job ON job.id = place.job_id
WHERE place.queue_id <> job.queue_id
UNION ALL
SELECT 'job ' || id || ' is of queue ' || queue_id || ', which does not exist' FROM job
WHERE NOT EXISTS (SELECT 1 FROM queue WHERE queue.id = job.queue_id)
LIMIT 100
