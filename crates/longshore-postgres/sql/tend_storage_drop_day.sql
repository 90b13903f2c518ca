-- Drops the partition of output of a day ($1). Locks: all of log_chunk, exclusively.
SELECT drop_log_day($1::text::date) AS was_there
