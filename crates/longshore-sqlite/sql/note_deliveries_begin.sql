-- The feed was read up to here, for the first time; no row if it was before.
INSERT INTO webhook_cursor (only_one, cursor) VALUES (1, :to) ON CONFLICT (only_one) DO NOTHING
