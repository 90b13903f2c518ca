-- Gives a job's new attempt to a worker, with a fresh token and slot.
INSERT INTO lease (job_id, token, slot, worker_id, acquire_no, claimed_at, queue_id, attempt,
    lane, tries, losses)
VALUES (:job, :token, :slot, :worker, :acquire_no, :now, :queue, :attempt, :lane, :tries, :losses)
