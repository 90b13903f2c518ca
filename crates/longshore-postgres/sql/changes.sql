-- A page of the feed of changes: what is new above number $1, and what came late of the transactions from
-- $3 to $4, above number $2; at most $5 of these and $6 in all. migrations/V19__changes.sql says what comes
-- back. Locks: none.
SELECT kind, seq, at, queue_id, state, job_ids, snapshot, next_id, cleared, cleared_seq, cleared_xid, drawn
FROM read_changes($1, $2, $3, $4, $5, $6)
