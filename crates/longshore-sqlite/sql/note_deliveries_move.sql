-- The feed was read up to here, if it stood there.
UPDATE webhook_cursor SET cursor = :to WHERE cursor = :from
