-- A worker says goodbye; the first time counts. By primary key.
UPDATE worker SET stopped_at = coalesce(stopped_at, :now), draining = 1 WHERE id = :worker
