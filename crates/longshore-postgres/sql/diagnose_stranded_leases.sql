-- Leases whose worker is stopped, fenced, silent or gone: how many, their first jobs, their queues, and
-- how many of them hold a slot of a limited queue. Names are qualified, for the session may be one that
-- was told nothing. Locks: none.
SELECT count(*) AS leases,
       coalesce((array_agg(l.job_id ORDER BY l.job_id))[1:10], '{}') AS jobs,
       coalesce(array_agg(DISTINCT q.name), '{}') AS queues,
       count(*) FILTER (WHERE q.max_concurrent IS NOT NULL) AS slots
FROM longshore.lease AS l
JOIN longshore.queue AS q ON q.id = l.queue_id
LEFT JOIN longshore.worker AS w ON w.id = l.worker_id
WHERE w.id IS NULL OR NOT longshore.is_alive(w)
