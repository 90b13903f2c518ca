-- The first and the last row of the feed of changes that are kept; null for none. Both ends of the primary
-- key, each looked up alone.
SELECT (SELECT min(seq) FROM change) AS first, (SELECT max(seq) FROM change) AS last
