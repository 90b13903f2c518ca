-- Takes away deliveries that ended before :before, and those whose webhook is gone, at most :limit. Indexes
-- delivery_ended; the others by the whole table.
DELETE FROM delivery WHERE id IN (
    SELECT id FROM (SELECT id FROM delivery WHERE ended_at < :before ORDER BY ended_at LIMIT :limit)
    UNION
    SELECT id FROM (SELECT id FROM delivery AS d
        WHERE NOT EXISTS (SELECT 1 FROM webhook AS w WHERE w.id = d.webhook_id) LIMIT :limit)
    LIMIT :limit)
