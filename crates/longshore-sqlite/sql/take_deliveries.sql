-- Takes deliveries that are due, of webhooks that are enabled and not among :except, until :until. Index
-- delivery_due.
UPDATE delivery SET tries = tries + 1, next_at = :until
WHERE id IN (
    SELECT d.id FROM webhook AS w CROSS JOIN delivery AS d ON d.webhook_id = w.id
    WHERE d.next_at <= :now AND w.enabled AND w.id NOT IN (SELECT value FROM json_each(:except))
    ORDER BY d.next_at, d.id LIMIT :limit
)
RETURNING id, webhook_id, job_id, job_state, at, tries, next_at, ended_at, is_delivered, status, problem,
    (SELECT w.url FROM webhook AS w WHERE w.id = webhook_id) AS url,
    (SELECT w.key FROM webhook AS w WHERE w.id = webhook_id) AS key
