-- Ageing (promise L4): in a queue that asks for it, a job that has waited for the queue's time moves up
-- one priority, and again after each further time, so that every job gets to the top in the end.

-- What is known of when places were drawn: every place of counter.ready_seq up to `seq` was drawn at or
-- before `at`. Noted per queue, some twenty a queue, and forgotten when ageing is changed or the queue
-- paused. So `ready`, the hottest table, needs no time of its own.
CREATE TABLE ageing_mark (
    queue_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (queue_id, seq)
) STRICT, WITHOUT ROWID;

-- Jobs that moved up, with the lane that their own priority means: what people are shown. The row goes
-- when a person gives the job another priority or has it tried again after its end, and with the job.
CREATE TABLE aged (
    job_id INTEGER PRIMARY KEY,
    lane INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 201)
) STRICT;
