-- Tokens, newest first. By primary key, from its end.
SELECT id, name, role, created_at, expires_at, revoked_at, last_used_at,
    revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now) AS is_good
FROM api_token ORDER BY id DESC LIMIT :limit
