-- Workers, newest first; $1: those of the past too. At most 1,000. Locks: none.
SELECT * FROM (
    SELECT w.id, w.name, w.hostname, w.pid, w.version, w.capacity, w.host_ids, w.started_at, w.heartbeat_at,
           w.stopped_at, w.draining, w.fenced, is_alive(w) AS alive,
           ARRAY(SELECT q.name FROM queue AS q WHERE q.id = ANY (w.queue_ids) ORDER BY q.name) AS queues,
           (SELECT count(*) FROM lease AS l WHERE l.worker_id = w.id) AS live
    FROM worker AS w
    WHERE $1 OR is_alive(w)
    ORDER BY w.id DESC LIMIT 1000
) AS shown
