-- In which of queues $1 there is something to acquire; migrations/V28__look_ahead.sql says how.
-- Locks: none. Indexes: see there.
SELECT waiting, due_in FROM look_ahead($1, $2, $3, $4, $5, $6)
