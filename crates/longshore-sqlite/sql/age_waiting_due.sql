-- The first jobs of a lane, as far as their places were drawn long enough ago. A range of the key of ready.
SELECT job_id, seq, attempt, tries, losses, reason FROM ready
WHERE queue_id = :queue AND lane = :lane AND seq <= :old
ORDER BY seq
LIMIT :limit
