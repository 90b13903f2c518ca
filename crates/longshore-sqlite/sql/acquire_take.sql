-- Takes everything up to and with one place in line: the jobs that acquire_first named, in the
-- same transaction. A range of the key of ready.
DELETE FROM ready WHERE queue_id = :queue AND (lane, seq) <= (:lane, :seq)
