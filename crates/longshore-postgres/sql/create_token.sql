-- Makes a token; no row while another of its name ($1) is good. $2 its role, $3 the hash of its secret, $4
-- its lifetime in seconds, null for ever. Behind create_token_lock in the same transaction, as a statement of
-- its own: it sees what those made who had the lock before.
-- Locks: none more. Index: api_token_name.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
INSERT INTO api_token (name, role, hash, created_at, expires_at)
SELECT $1::text, $2::text, $3::bytea, m.now, m.now + make_interval(secs => $4::float8)
FROM moment AS m
WHERE NOT EXISTS (
    SELECT FROM api_token AS t
    WHERE t.name = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > m.now))
RETURNING id, name, role, created_at, expires_at, revoked_at, last_used_at,
          revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS is_good
