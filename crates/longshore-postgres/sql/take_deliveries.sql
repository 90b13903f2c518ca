-- Takes up to $1 deliveries that are due, of webhooks that are enabled and not among $3, for $2 seconds.
-- Locks: their rows; those that another takes are passed over. Index: delivery_due, for each webhook.
WITH due AS MATERIALIZED (
    SELECT d.id, w.url, w.key
    FROM webhook AS w CROSS JOIN LATERAL (
        SELECT n.id, n.next_at FROM delivery AS n
        WHERE n.webhook_id = w.id AND n.next_at <= statement_timestamp()
        ORDER BY n.next_at, n.id LIMIT $1 FOR UPDATE SKIP LOCKED
    ) AS d
    WHERE w.enabled AND w.id <> ALL ($3::bigint[])
    ORDER BY d.next_at, d.id LIMIT $1
)
UPDATE delivery AS d
SET tries = d.tries + 1, next_at = clock_timestamp() + make_interval(secs => $2)
FROM due WHERE d.id = due.id
RETURNING d.id, d.webhook_id, d.job_id, d.job_state::text AS job_state, d.at, d.tries, d.next_at, d.ended_at,
          d.is_delivered, d.status, d.problem, due.url, due.key
