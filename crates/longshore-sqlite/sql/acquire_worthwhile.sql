-- Whether an acquisition could get anything: a job in line or due. Two probes, by the key of
-- ready and by index scheduled_due.
SELECT EXISTS (SELECT 1 FROM ready WHERE queue_id = :queue)
    OR EXISTS (SELECT 1 FROM scheduled WHERE queue_id = :queue AND due_at <= :now)
