-- Where the feed of changes ends: the last number that was drawn, the snapshot, and an id above that of
-- every transaction which drew one. The snapshot is taken first, and the id drawn last. Locks: none.
WITH drawn AS MATERIALIZED (
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS seq FROM change_seq
)
SELECT d.seq, k.cleared, pg_current_snapshot()::text AS snapshot,
       pg_current_xact_id()::text::bigint AS next_id
FROM drawn AS d CROSS JOIN change_kept AS k
