-- Takes the webhook $1 away, with its deliveries. Locks: their rows. Index: delivery_webhook.
WITH gone AS (DELETE FROM webhook WHERE id = $1 RETURNING id),
     deliveries AS (DELETE FROM delivery WHERE webhook_id = $1)
SELECT count(*) AS webhooks FROM gone
