-- Hints that something may have changed in these queues ($1). Locks: NOTIFY takes one at commit that
-- all share, so hints are coalesced before they come here.
SELECT pg_notify('longshore', hint) FROM unnest($1::text[]) AS hint
