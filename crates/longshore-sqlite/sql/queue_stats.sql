-- A queue's jobs by what they wait for or do, each counted no further than :cap. The key of ready,
-- indexes scheduled_due and lease_queue.
SELECT
    (SELECT count(*) FROM (SELECT 1 FROM ready WHERE queue_id = :queue LIMIT :cap)) AS in_line,
    (SELECT count(*) FROM (
        SELECT 1 FROM scheduled WHERE queue_id = :queue AND due_at <= :now LIMIT :cap)) AS due,
    (SELECT count(*) FROM (
        SELECT 1 FROM scheduled
        WHERE queue_id = :queue AND due_at > :now AND due_at < 9223372036854775807
        LIMIT :cap)) AS later,
    (SELECT count(*) FROM (
        SELECT 1 FROM lease WHERE queue_id = :queue AND started_at IS NULL LIMIT :cap)) AS launching,
    (SELECT count(*) FROM (
        SELECT 1 FROM lease WHERE queue_id = :queue AND started_at IS NOT NULL LIMIT :cap)) AS running
