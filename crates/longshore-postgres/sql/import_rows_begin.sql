-- Lets rows of another database pass, for this transaction; fails where the database is not closed.
-- Locks: the row of closed, so that it stays so.
SELECT set_config('longshore.importing', 'on', true) FROM closed FOR SHARE
