-- What a queue lets pass, as it is now. By primary key.
SELECT paused, max_concurrent FROM queue WHERE id = :queue
