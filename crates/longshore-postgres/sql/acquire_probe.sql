-- One look at a queue's line, for the frontier; migrations/V9__idle_and_storage.sql says how.
-- Locks: none.
SELECT server, xmin, xid, drawn, lanes, seqs FROM probe_line($1, $2, $3, $4, $5)
