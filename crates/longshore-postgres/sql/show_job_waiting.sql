-- What a waiting job may be waiting for: its queue ($1), the queue's leases, the workers that serve
-- it. Locks: none. Indexes: queue_pkey, lease_queue.
WITH serving AS MATERIALIZED (
    SELECT id, draining, capacity FROM worker AS w WHERE $1 = ANY (w.queue_ids) AND is_alive(w)
)
SELECT clock_timestamp() AS now, q.paused, q.max_concurrent,
       q.host_selector::text AS host_selector,
       (SELECT count(*) FROM (SELECT FROM lease WHERE queue_id = q.id LIMIT 100000) AS l) AS live,
       ARRAY(SELECT job_id FROM lease WHERE queue_id = q.id ORDER BY job_id LIMIT 10) AS live_jobs,
       (SELECT count(*) FROM serving) AS workers,
       (SELECT count(*) FROM serving WHERE draining) AS workers_draining,
       (SELECT coalesce(sum(capacity), 0) FROM serving WHERE NOT draining)::bigint AS worker_capacity,
       (SELECT count(*) FROM lease WHERE worker_id IN (SELECT id FROM serving WHERE NOT draining)) AS worker_live
FROM queue AS q WHERE q.id = $1
