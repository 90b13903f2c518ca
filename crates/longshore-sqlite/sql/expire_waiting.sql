-- Jobs whose time to wait is over, whether they still wait or not; longest ago first. Index
-- waiting_deadline_at.
SELECT job_id FROM waiting_deadline WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit
