-- Notes what came of the newest try of a delivery that has not ended.
UPDATE delivery
SET status = :status, problem = :problem, next_at = :next_at, is_delivered = :is_delivered,
    ended_at = CASE WHEN :next_at IS NULL THEN :now END
WHERE id = :delivery AND tries = :tries AND next_at IS NOT NULL
