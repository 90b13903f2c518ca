-- The leases that a worker may continue, which reaches p_hosts and serves p_queues: those that its dead
-- or parted fellows left on its hosts, or on none and of its queues; those whose host is gone, of its
-- queues or its own; and its own that it asks for again by their tokens. A host that answers the worker
-- itself is not gone, though nobody could say that it was seen while the database was away. Locks: none.
-- All of lease is read, which is short.
CREATE OR REPLACE FUNCTION leases_to_take_over(
    p_worker bigint, p_hosts bigint[], p_queues integer[], p_again bigint[], p_unseen interval
) RETURNS TABLE (job_id bigint, token bigint, worker_id bigint, is_orphan boolean, is_gone boolean)
LANGUAGE sql VOLATILE SET search_path = longshore, pg_temp AS $$
    SELECT l.job_id, l.token, l.worker_id,
           l.worker_id <> p_worker AND (w.id IS NULL OR w.stopped_at IS NULL), g.is_gone
    FROM lease AS l
    JOIN queue AS q ON q.id = l.queue_id
    LEFT JOIN worker AS w ON w.id = l.worker_id
    LEFT JOIN host AS h ON h.id = l.host_id
    CROSS JOIN LATERAL (SELECT coalesce(
        (h.forgotten_at IS NOT NULL
            OR q.on_host_lost = 'retry' AND h.last_seen_at < clock_timestamp() - p_unseen)
        AND NOT (h.problem IS NULL AND h.id = ANY (p_hosts)), false) AS is_gone) AS g
    WHERE CASE
        WHEN l.worker_id = p_worker THEN g.is_gone OR l.token = ANY (p_again)
        WHEN w.id IS NULL OR w.fenced OR w.stopped_at IS NOT NULL THEN
            coalesce(l.host_id = ANY (p_hosts), false)
            OR (l.host_id IS NULL OR g.is_gone) AND l.queue_id = ANY (p_queues)
        ELSE false
    END
$$;
