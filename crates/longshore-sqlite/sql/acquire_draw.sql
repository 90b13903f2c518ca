-- Draws :count tokens and as many slots; answers with the last of each.
UPDATE counter SET lease_token = lease_token + :count, lease_slot = lease_slot + :count
RETURNING lease_token, lease_slot
