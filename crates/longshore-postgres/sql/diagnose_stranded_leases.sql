-- Leases whose worker is stopped, fenced, silent or gone: how many, their first jobs, their queues, how
-- many of them hold a slot of a limited queue, the machines of their workers, the hosts that they are on,
-- and how long ago the first of the workers was heard of last. Names are qualified, for the session may be
-- one that was told nothing. Locks: none.
SELECT count(*) AS leases,
       coalesce((array_agg(l.job_id ORDER BY l.job_id))[1:10], '{}') AS jobs,
       coalesce(array_agg(DISTINCT q.name), '{}') AS queues,
       count(*) FILTER (WHERE q.max_concurrent IS NOT NULL) AS slots,
       coalesce(array_agg(DISTINCT w.name || ' on ' || w.hostname) FILTER (WHERE w.id IS NOT NULL), '{}')
           AS workers,
       coalesce(array_agg(DISTINCT h.name) FILTER (WHERE h.id IS NOT NULL), '{}') AS hosts,
       max(extract(epoch FROM clock_timestamp() - w.heartbeat_at))::float8 AS silent_seconds
FROM longshore.lease AS l
JOIN longshore.queue AS q ON q.id = l.queue_id
LEFT JOIN longshore.worker AS w ON w.id = l.worker_id
LEFT JOIN longshore.host AS h ON h.id = l.host_id
WHERE w.id IS NULL OR NOT longshore.is_alive(w)
