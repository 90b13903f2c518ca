-- Moves the webhooks' cursor from $1 (null for none yet) to $2, and makes deliveries of webhooks that are there
-- and on: webhooks $3, jobs $4, states $5, moments $6. Nothing if it stands elsewhere.
-- Locks: the cursor's row: who comes second finds it moved.
WITH begun AS (
    INSERT INTO webhook_cursor (cursor) SELECT $2::text WHERE $1::text IS NULL
    ON CONFLICT (only_one) DO NOTHING RETURNING only_one
), moved AS (
    UPDATE webhook_cursor SET cursor = $2 WHERE cursor = $1 RETURNING only_one
), noted AS (
    INSERT INTO delivery (webhook_id, job_id, job_state, at, next_at)
    SELECT w.id, n.job, n.state::job_state, n.at, statement_timestamp()
    FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[]) WITH ORDINALITY
         AS n(webhook, job, state, at, ord)
    JOIN webhook AS w ON w.id = n.webhook AND w.enabled
    WHERE EXISTS (SELECT FROM begun) OR EXISTS (SELECT FROM moved)
    ORDER BY n.ord
)
SELECT EXISTS (SELECT FROM begun) OR EXISTS (SELECT FROM moved) AS is_moved
