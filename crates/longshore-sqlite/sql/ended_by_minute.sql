-- Jobs that ended since :since (microseconds), by minute of the epoch and by how. Index settled_at.
SELECT at / 60000000 AS minute, state, count(*) AS jobs
FROM settled
WHERE at >= :since
GROUP BY 1, 2
