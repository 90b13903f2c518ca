-- From now on a token is good for nothing; the first time counts. By primary key.
UPDATE api_token SET revoked_at = coalesce(revoked_at, :now) WHERE id = :token
RETURNING id, name, role, created_at, expires_at, revoked_at, last_used_at,
    revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now) AS is_good
