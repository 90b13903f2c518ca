-- How long the log is and how much of it is in the file already; moves nothing.
PRAGMA wal_checkpoint(NOOP)
