-- Switches a webhook on or off.
UPDATE webhook SET enabled = :enabled WHERE id = :webhook
RETURNING id, name, url, states, queue, enabled, created_at
