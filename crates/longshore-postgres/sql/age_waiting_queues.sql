-- Queues whose waiting jobs age. Locks: none.
SELECT id FROM queue WHERE ageing IS NOT NULL ORDER BY name
