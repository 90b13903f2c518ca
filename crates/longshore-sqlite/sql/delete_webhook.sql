-- Takes a webhook away.
DELETE FROM webhook WHERE id = :webhook
