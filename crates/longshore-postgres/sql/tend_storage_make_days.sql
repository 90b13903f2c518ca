-- Makes the partitions of output of today and the coming $1 days, and of every day that the default
-- partition has something of. Locks: see make_log_partition in migrations/V9__idle_and_storage.sql.
SELECT make_log_partitions($1) AS made
