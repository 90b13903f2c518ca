-- Draws :count tokens; answers with the last of them.
UPDATE counter SET lease_token = lease_token + :count RETURNING lease_token
