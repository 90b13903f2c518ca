-- Takes away what is known of workers that were last heard of long ago and hold nothing.
DELETE FROM worker
WHERE heartbeat_at < :before
    AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.worker_id = worker.id)
