-- Takes away what is known of workers that were last heard of more than $1 seconds ago and hold
-- nothing. Locks: their rows. Index: lease by its whole length, once.
DELETE FROM worker AS w
WHERE heartbeat_at < clock_timestamp() - make_interval(secs => $1)
  AND NOT EXISTS (SELECT FROM lease AS l WHERE l.worker_id = w.id)
