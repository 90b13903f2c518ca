-- How far the feed was read for webhooks; no row before it was for the first time.
SELECT cursor FROM webhook_cursor
