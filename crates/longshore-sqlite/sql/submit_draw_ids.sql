-- Draws ids for :count jobs; answers with the last of them.
UPDATE counter SET job_id = job_id + :count RETURNING job_id
