-- Forgets all that is known of when places in a queue's line were drawn. A range of the key of ageing_mark.
DELETE FROM ageing_mark WHERE queue_id = :queue
