-- A token, with the hash of its secret. By primary key.
SELECT id, name, role, created_at, expires_at, revoked_at, last_used_at, hash,
    revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now) AS is_good
FROM api_token WHERE id = :token
