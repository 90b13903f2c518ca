-- Some jobs that hold a queue's slots, lowest id first. Index lease_queue.
SELECT job_id FROM lease WHERE queue_id = :queue ORDER BY job_id LIMIT :count
