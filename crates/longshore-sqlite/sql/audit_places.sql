-- Jobs that are not in exactly one place. Reads every job.
SELECT 'job ' || id || ' is in ' || places || ' places, not one' FROM (
    SELECT job.id,
        (SELECT count(*) FROM ready WHERE ready.job_id = job.id)
        + (SELECT count(*) FROM scheduled WHERE scheduled.job_id = job.id)
        + (SELECT count(*) FROM lease WHERE lease.job_id = job.id)
        + (SELECT count(*) FROM settled WHERE settled.job_id = job.id) AS places
    FROM job)
WHERE places <> 1
LIMIT 100
