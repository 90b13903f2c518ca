-- Takes away deliveries that ended more than $1 seconds ago, and those whose webhook is gone, at most $2 of each;
-- how many of that of which there were more. Locks: their rows. Indexes: delivery_ended, delivery_pkey; the
-- others by the whole table.
WITH old AS (
    SELECT id FROM delivery WHERE ended_at < statement_timestamp() - make_interval(secs => $1)
    ORDER BY ended_at LIMIT $2
), nobodys AS (
    SELECT id FROM delivery AS d WHERE NOT EXISTS (SELECT FROM webhook AS w WHERE w.id = d.webhook_id) LIMIT $2
), gone AS (
    DELETE FROM delivery WHERE id IN (SELECT id FROM old UNION SELECT id FROM nobodys)
)
SELECT greatest((SELECT count(*) FROM old), (SELECT count(*) FROM nobodys)) AS deliveries
