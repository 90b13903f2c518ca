-- Takes away deliveries that ended more than $1 seconds ago, at most $2; how many. Locks: their rows. Index:
-- delivery_ended.
WITH old AS (
    SELECT id FROM delivery WHERE ended_at < statement_timestamp() - make_interval(secs => $1)
    ORDER BY ended_at LIMIT $2
), gone AS (DELETE FROM delivery WHERE id IN (SELECT id FROM old) RETURNING id)
SELECT count(*) AS deliveries FROM gone
