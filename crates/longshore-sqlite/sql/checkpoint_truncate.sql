-- Moves the whole log into the file and cuts it to nothing; waits for readers within the budget.
PRAGMA wal_checkpoint(TRUNCATE)
