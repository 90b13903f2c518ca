-- Notes the lane of a job's own priority before it moves up for the first time. By primary key.
INSERT INTO aged (job_id, lane) VALUES (:job, :lane) ON CONFLICT (job_id) DO NOTHING
