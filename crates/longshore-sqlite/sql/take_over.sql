-- Gives a lease to another worker, under a fresh token. Slot and attempt stay. By primary key.
UPDATE lease SET worker_id = :worker, token = :token, acquire_no = :acquire_no,
    takeovers = takeovers + 1, orphaned = orphaned + :is_orphan, note = NULL
WHERE job_id = :job
