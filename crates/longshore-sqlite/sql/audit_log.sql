-- Lines of the audit log, newest first. By primary key, from :before down.
SELECT id, at, who, token, address, action, subject, status
FROM audit WHERE id < :before ORDER BY id DESC LIMIT :limit
