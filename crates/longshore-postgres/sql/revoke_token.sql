-- From now on a token is good for nothing; the first time counts. No row if there is none such.
-- Locks: the token's row. Index: api_token_pkey.
UPDATE api_token SET revoked_at = coalesce(revoked_at, clock_timestamp()) WHERE id = $1
RETURNING id, name, role, created_at, expires_at, revoked_at, last_used_at,
          revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS is_good
