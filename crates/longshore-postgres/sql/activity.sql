-- What the server counts of this database, as benchmarks ask it; of its log, what all databases wrote.
SELECT (SELECT count(*) FROM pg_stat_activity AS a
        WHERE a.datname = current_database() AND a.backend_type = 'client backend'
          AND a.pid <> pg_backend_pid()) AS connections,
       d.xact_commit + d.xact_rollback AS transactions,
       (pg_current_wal_insert_lsn() - '0/0')::bigint AS wal_bytes,
       (SELECT coalesce(sum(t.n_dead_tup), 0)::bigint FROM pg_stat_user_tables AS t) AS dead_rows
FROM pg_stat_database AS d WHERE d.datname = current_database()
