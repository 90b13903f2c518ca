-- Gives up deliveries of changes of more than $1 seconds ago that were tried in vain, at most $2; how many. A
-- receiver that swallows what it is sent takes so few that the rest would pile up. Locks: their rows. Index:
-- delivery_due, by its whole length.
WITH stale AS (
    SELECT id FROM delivery
    WHERE next_at IS NOT NULL AND at < statement_timestamp() - make_interval(secs => $1)
    ORDER BY webhook_id, next_at LIMIT $2 FOR UPDATE SKIP LOCKED
), given_up AS (
    UPDATE delivery AS d
    SET next_at = NULL, ended_at = statement_timestamp(), problem = coalesce(problem, 'it waited for too long')
    FROM stale WHERE d.id = stale.id
    RETURNING d.id
)
SELECT count(*) AS deliveries FROM given_up
