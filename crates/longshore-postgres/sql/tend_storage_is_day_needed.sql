-- Whether the partition of output of a past day ($1) is needed; migrations/V9__idle_and_storage.sql says
-- how that is told. Locks: none.
SELECT is_log_day_needed($1::text::date) AS is_needed
