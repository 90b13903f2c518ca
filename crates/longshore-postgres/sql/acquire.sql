-- Takes the first jobs of a queue's line, within its limits; migrations/V27__acquire_sorted_once.sql says how.
-- Locks and indexes: see there.
SELECT again, server, epoch, slots, above, claimed_at, job_ids, attempts, tokens, lanes, tries, losses,
       idem_keys, specs
FROM acquire($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
