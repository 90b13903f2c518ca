-- Changes a queue and raises its epoch. :changes_limit tells "no limit" from "as it was".
UPDATE queue SET
    max_concurrent = CASE WHEN :changes_limit THEN :max_concurrent ELSE max_concurrent END,
    paused = coalesce(:paused, paused),
    epoch = epoch + 1
WHERE name = :name
