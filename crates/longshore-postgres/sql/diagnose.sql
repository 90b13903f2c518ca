-- What doctor looks at beside the tables. Names are qualified, for the session may be one that was
-- told nothing. Locks: none.
SELECT current_setting('server_version') AS version,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('autovacuum') AS autovacuum,
       current_setting('max_connections')::integer AS max_connections,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       clock_timestamp() AS now,
       (SELECT count(*) FROM (SELECT FROM longshore.log_chunk_default LIMIT 1000) AS c) AS unplaced_chunks
