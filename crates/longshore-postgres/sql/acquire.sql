-- Takes the first jobs of a queue's line, within its limits; migrations/V27__acquire_sorted_once.sql says how.
-- If that were fewer than wanted, also when the next one comes due.
-- Locks and indexes: see there, and V28__look_ahead.sql.
SELECT again, server, epoch, slots, above, claimed_at, job_ids, attempts, tokens, lanes, tries, losses,
       idem_keys, specs, CASE WHEN coalesce(cardinality(job_ids), 0) < $2 THEN due_in($1) END AS due_in
FROM acquire($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
