-- Jobs that ended in each of the last $1 minutes, by how; a minute without any gives one row without a state.
-- Locks: none. Index: settled_at.
WITH ended AS MATERIALIZED (
    SELECT date_trunc('minute', at) AS minute, state, count(*) AS jobs
    FROM settled
    WHERE at >= date_trunc('minute', now()) - make_interval(mins => $1::integer - 1)
    GROUP BY 1, 2
)
SELECT minute, ended.state::text AS state, coalesce(ended.jobs, 0) AS jobs
FROM generate_series(date_trunc('minute', now()) - make_interval(mins => $1::integer - 1),
                     date_trunc('minute', now()), interval '1 minute') AS minute
LEFT JOIN ended USING (minute)
ORDER BY minute
