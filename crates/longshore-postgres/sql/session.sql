-- What this session was told, as far as a promise rests on it. Locks: none.
SELECT quote_ident(current_user) AS role,
       current_setting('search_path') AS search_path,
       current_setting('default_transaction_isolation') AS default_transaction_isolation,
       current_setting('lock_timeout') AS lock_timeout,
       current_setting('statement_timeout') AS statement_timeout,
       current_setting('idle_in_transaction_session_timeout') AS idle_in_transaction_session_timeout,
       -- Startup options come before everything that a role or a database says.
       (SELECT source = 'client' FROM pg_settings WHERE name = 'search_path') AS is_told_at_start
