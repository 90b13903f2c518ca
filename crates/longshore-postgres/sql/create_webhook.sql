-- Makes a webhook: name $1, address $2, states $3 as JSON, queue $4, key $5; no row if there is one of its name.
-- Locks: the name's. Index: webhook_name_key.
INSERT INTO webhook (name, url, states, queue, key) VALUES ($1, $2, $3::text::jsonb, $4, $5)
ON CONFLICT (name) DO NOTHING
RETURNING id, name, url, states::text AS states, queue, enabled, created_at
