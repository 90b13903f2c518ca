-- Moves what it can of the log into the file, waiting for nobody.
PRAGMA wal_checkpoint(PASSIVE)
