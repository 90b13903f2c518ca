-- Whether there is something to acquire in a queue, limits apart: a job in line, or one that came due. Three
-- probes, by primary key, by the key of ready and by index scheduled_due.
SELECT NOT paused
    AND (EXISTS (SELECT 1 FROM ready WHERE queue_id = queue.id)
        OR EXISTS (SELECT 1 FROM scheduled WHERE queue_id = queue.id AND due_at <= :now))
FROM queue WHERE id = :queue
