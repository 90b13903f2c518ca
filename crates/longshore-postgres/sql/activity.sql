-- What the server counts of this database, as benchmarks ask it.
SELECT (SELECT count(*) FROM pg_stat_activity AS a
        WHERE a.datname = current_database() AND a.backend_type = 'client backend'
          AND a.pid <> pg_backend_pid()) AS connections,
       d.xact_commit + d.xact_rollback AS transactions
FROM pg_stat_database AS d WHERE d.datname = current_database()
