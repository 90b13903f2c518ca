-- And its deliveries. Index delivery_webhook.
DELETE FROM delivery WHERE webhook_id = :webhook
