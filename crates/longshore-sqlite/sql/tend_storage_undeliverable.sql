-- Gives up deliveries of changes before :before that wait, at most :limit. A receiver that swallows what it is
-- sent takes so few that the rest would pile up. Index delivery_due, by its whole length.
UPDATE delivery SET next_at = NULL, ended_at = :now, problem = coalesce(problem, 'it waited for too long')
WHERE id IN (SELECT id FROM delivery WHERE next_at IS NOT NULL AND at < :before LIMIT :limit)
