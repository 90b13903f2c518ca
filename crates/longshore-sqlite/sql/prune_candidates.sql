-- Jobs that ended longest ago, before a time. Index settled_at.
SELECT job_id FROM settled WHERE at <= :before ORDER BY at LIMIT :batch
