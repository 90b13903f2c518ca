-- Goes on from these numbers.
UPDATE counter
SET job_id = max(job_id, :job_id), ready_seq = max(ready_seq, :ready_seq),
    lease_token = max(lease_token, :lease_token), lease_slot = max(lease_slot, :lease_slot)
