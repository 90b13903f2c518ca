-- Waits for whoever else makes a token, whatever its name: few are made, and one lock is simple.
-- Locks: the advisory lock of tokens, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('longshore.api_token'))
