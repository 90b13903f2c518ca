-- Who keeps vacuum from cleaning up behind them, worst first: sessions with a snapshot or a transaction of
-- their own, prepared transactions, replication slots. Sessions of other databases hold back none of our
-- tables; of other users a role without pg_read_all_stats sees no more than that they are there.
-- Locks: none.
SELECT kind, pid, name, role, client, seconds, behind, writes
FROM (
    SELECT CASE WHEN a.state LIKE 'idle in transaction%' THEN 'idle' ELSE 'session' END AS kind,
           a.pid, a.application_name AS name, a.usename::text AS role, host(a.client_addr) AS client,
           extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds,
           greatest(age(a.backend_xmin), age(a.backend_xid))::bigint AS behind,
           a.backend_xid IS NOT NULL AS writes
    FROM pg_stat_activity AS a
    WHERE a.pid <> pg_backend_pid() AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
      AND (a.datname = current_database() OR a.backend_type = 'walsender')
      AND a.backend_type <> 'autovacuum worker'
    UNION ALL
    SELECT 'prepared', NULL, p.gid, p.owner::text, NULL,
           extract(epoch FROM clock_timestamp() - p.prepared)::float8, age(p.transaction)::bigint, true
    FROM pg_prepared_xacts AS p WHERE p.database = current_database()
    UNION ALL
    SELECT 'slot', s.active_pid, s.slot_name::text, NULL, NULL, NULL,
           greatest(age(s.xmin), age(s.catalog_xmin))::bigint, false
    FROM pg_replication_slots AS s WHERE s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL
) AS holder
ORDER BY behind DESC NULLS LAST, seconds DESC NULLS LAST LIMIT 1000
