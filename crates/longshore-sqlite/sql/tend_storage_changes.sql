-- Takes away changes that are older than :before, the first ones first, at most :limit; the newest of all
-- stays, whatever its age. A range of the primary key: rows are written in the order of the clock, and
-- where it was set back they stay for longer.
DELETE FROM change WHERE seq IN (SELECT seq FROM change ORDER BY seq LIMIT :limit)
    AND at < :before AND seq < (SELECT max(seq) FROM change)
