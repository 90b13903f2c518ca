-- Empties the parts of the feed of changes whose rows are older than $1 seconds. Locks: see clear_changes
-- in migrations/V19__changes.sql.
SELECT clear_changes($1) AS emptied
