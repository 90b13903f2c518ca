-- Switches the webhook $1 on or off ($2). Locks: its row.
UPDATE webhook SET enabled = $2 WHERE id = $1
RETURNING id, name, url, states::text AS states, queue, enabled, created_at
