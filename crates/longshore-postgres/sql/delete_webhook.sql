-- Takes the webhook $1 away. Its deliveries are nobody's then, and go when the storage is tended: there may be
-- millions. Locks: its row.
WITH gone AS (DELETE FROM webhook WHERE id = $1 RETURNING id)
SELECT count(*) AS webhooks FROM gone
