-- Whether an acquisition could do anything: take a job in line, if there is room, or move a due one
-- there. Two probes, by the key of ready and by index scheduled_due.
SELECT (:has_room AND EXISTS (SELECT 1 FROM ready WHERE queue_id = :queue))
    OR EXISTS (SELECT 1 FROM scheduled WHERE queue_id = :queue AND due_at <= :now)
