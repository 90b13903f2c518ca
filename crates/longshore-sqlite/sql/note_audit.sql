-- A line of the audit log.
INSERT INTO audit (at, who, token, address, action, subject, status)
VALUES (:now, :who, :token, :address, :action, :subject, :status)
