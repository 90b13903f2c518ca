-- How many jobs ended before a time; counting stops at :cap. Index settled_at.
SELECT count(*) FROM (SELECT 1 FROM settled WHERE at <= :before LIMIT :cap)
