-- The last place in line that was drawn at or before a time; null if none is known. A range of the key
-- of ageing_mark, some twenty rows.
SELECT max(seq) FROM ageing_mark WHERE queue_id = :queue AND at <= :before
