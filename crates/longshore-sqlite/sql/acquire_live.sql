-- The queue's leases, counted no further than :reach. Index lease_queue.
SELECT count(*) FROM (SELECT 1 FROM lease WHERE queue_id = :queue LIMIT :reach)
