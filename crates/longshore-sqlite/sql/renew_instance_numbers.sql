-- Leaves out :gap numbers of jobs and of fencing tokens, which a file that this one takes the place of may
-- have given out.
UPDATE counter SET job_id = job_id + :gap, lease_token = lease_token + :gap
