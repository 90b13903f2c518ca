-- Makes a token; no row while another of its name is good. Index api_token_name.
INSERT INTO api_token (name, role, hash, created_at, expires_at)
SELECT :name, :role, :hash, :now, :expires_at
WHERE NOT EXISTS (
    SELECT 1 FROM api_token AS other
    WHERE other.name = :name AND other.revoked_at IS NULL
        AND (other.expires_at IS NULL OR other.expires_at > :now))
RETURNING id, name, role, created_at, expires_at, revoked_at, last_used_at,
    revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now) AS is_good
