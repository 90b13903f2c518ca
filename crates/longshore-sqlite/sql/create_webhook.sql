-- Makes a webhook; no row if there is one of its name.
INSERT INTO webhook (name, url, states, queue, key, created_at)
VALUES (:name, :url, :states, :queue, :key, :now)
ON CONFLICT (name) DO NOTHING
RETURNING id, name, url, states, queue, enabled, created_at
