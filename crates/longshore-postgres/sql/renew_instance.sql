-- Notes that the database's name is at home here, with $1 under a new name: but not while it is in use,
-- for workers remember the name, and containers bear it. Gives what it is in use by. Leases of a copy are
-- no use of it: their containers are the original's, and bear its name.
-- Locks: the row of instance. Indexes: lease and worker by their whole length, which are short.
WITH used AS MATERIALIZED (
    SELECT (SELECT count(*) FROM lease) AS leases,
           (SELECT count(*) FROM worker AS w WHERE is_alive(w)) AS workers,
           (SELECT coalesce(i.home <> database_home(), false) FROM instance AS i) AS is_copy
), renewed AS (
    UPDATE instance
    SET id = CASE WHEN $1 THEN substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) ELSE id END,
        home = database_home()
    WHERE NOT $1 OR (SELECT workers = 0 AND (leases = 0 OR is_copy) FROM used)
    RETURNING id
), silenced AS (
    -- Whom the original tells a copy does not tell, too, unless somebody says so.
    UPDATE webhook SET enabled = false WHERE $1 AND enabled AND EXISTS (SELECT FROM renewed)
)
SELECT used.leases, used.workers, (SELECT id FROM renewed) AS id FROM used
