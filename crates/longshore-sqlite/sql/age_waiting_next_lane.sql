-- The next lane of a queue in which anything waits; null after the last. One descent of the key of ready.
SELECT min(lane) FROM ready WHERE queue_id = :queue AND lane > :lane
