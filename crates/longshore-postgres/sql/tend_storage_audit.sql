-- Takes away lines of the audit log that were stored more than $1 seconds ago, the oldest first, at most
-- $2. Locks: their rows, passing over what others hold. Indexes: audit_at, audit_pkey.
WITH gone AS (
    DELETE FROM audit WHERE id = ANY (ARRAY(
        SELECT a.id FROM audit AS a WHERE a.at < now() - make_interval(secs => $1)
        ORDER BY a.at LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT count(*) AS lines FROM gone
