-- How far the feed was read for webhooks; no row before it was for the first time. Locks: none.
SELECT cursor FROM webhook_cursor
