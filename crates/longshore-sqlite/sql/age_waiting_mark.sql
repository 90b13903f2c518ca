-- Notes that every place drawn so far was drawn by now, unless that is known, or was noted after :since.
INSERT INTO ageing_mark (queue_id, seq, at)
SELECT :queue, counter.ready_seq, :now FROM counter
WHERE NOT EXISTS (
    SELECT 1 FROM ageing_mark
    WHERE queue_id = :queue AND (seq >= counter.ready_seq OR at > :since))
