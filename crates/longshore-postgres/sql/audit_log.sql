-- Lines of the audit log before $1, newest first, at most $2. Locks: none. Index: audit_pkey.
SELECT id, at, who, token, address, action, subject, status
FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2
