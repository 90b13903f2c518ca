-- Queues of which something is due. Locks: none. Index: scheduled_due, its first entry per queue.
SELECT q.id FROM queue AS q
WHERE EXISTS (SELECT FROM scheduled AS s WHERE s.queue_id = q.id AND s.due_at <= now())
ORDER BY q.id
