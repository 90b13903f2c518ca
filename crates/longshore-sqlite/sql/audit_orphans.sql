-- Rows of jobs that don't exist. Reads every place, attempt, label and index of output.
SELECT 'job ' || job_id || ' has a row in ' || place || ' but none in job' FROM (
    SELECT job_id, 'ready' AS place FROM ready
    UNION ALL SELECT job_id, 'scheduled' FROM scheduled
    UNION ALL SELECT job_id, 'lease' FROM lease
    UNION ALL SELECT job_id, 'settled' FROM settled
    UNION ALL SELECT job_id, 'attempt' FROM attempt
    UNION ALL SELECT job_id, 'job_label' FROM job_label
    UNION ALL SELECT DISTINCT job_id, 'log_chunk' FROM log_chunk)
WHERE NOT EXISTS (SELECT 1 FROM job WHERE job.id = job_id)
LIMIT 100
