-- Takes over leases of the dead and the parted; migrations/V21__take_over_as_sent.sql says how, with its locks
-- and indexes. $5: after how many seconds without being seen a host counts as gone, where a queue says so; $6:
-- when the caller knew itself heard of.
SELECT job_id, attempt, token, last_token, last_worker, queue_id, lane, tries, losses, claimed_at,
       started_at, taken_at, is_cancel_requested, host_id, handle, boot_id, orphaned, is_gone, idem_key,
       spec, resume, stdout_end, stdout_bytes, stderr_end, stderr_bytes
FROM take_over($1, $2, $3, $4, make_interval(secs => $5), $6)
