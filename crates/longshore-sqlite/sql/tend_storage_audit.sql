-- Takes away lines of the audit log that are older than :before, the oldest first. Index audit_at.
DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < :before ORDER BY at LIMIT :limit)
