-- Changes a queue and raises its epoch. :changes_limit and :changes_ageing tell "none" from "as it was";
-- what is null in :host_selector is asked for no longer.
UPDATE queue SET
    max_concurrent = CASE WHEN :changes_limit THEN :max_concurrent ELSE max_concurrent END,
    paused = coalesce(:paused, paused),
    host_selector = json_patch(host_selector, :host_selector),
    on_host_lost = coalesce(:on_host_lost, on_host_lost),
    ageing_micros = CASE WHEN :changes_ageing THEN :ageing_micros ELSE ageing_micros END,
    epoch = epoch + 1
WHERE name = :name
