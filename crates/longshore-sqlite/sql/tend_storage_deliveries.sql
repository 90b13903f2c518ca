-- Takes away deliveries that ended before :before, at most :limit. Index delivery_ended.
DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE ended_at < :before ORDER BY ended_at LIMIT :limit)
