-- Forgets the marks of a queue that say nothing more (those before :old), and those from later than
-- now: the clock was set back, and they would keep others from being made. A range of the key.
DELETE FROM ageing_mark WHERE queue_id = :queue AND (seq < :old OR at > :now)
