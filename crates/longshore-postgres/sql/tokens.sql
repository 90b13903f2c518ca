-- Tokens, newest first, at most $1. Locks: none. Index: api_token_pkey, from its end.
SELECT id, name, role, created_at, expires_at, revoked_at, last_used_at,
       revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS is_good
FROM api_token ORDER BY id DESC LIMIT $1
