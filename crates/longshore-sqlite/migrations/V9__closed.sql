-- Whether the database takes part in a transfer to another, and why: then triggers, which are made when
-- this row is, refuse whatever would add, move or end a job. While rows of another database come in,
-- `importing` lets them pass, within one transaction.
CREATE TABLE closed (
    only_one INTEGER PRIMARY KEY DEFAULT 1 CHECK (only_one = 1),
    why TEXT NOT NULL,
    at INTEGER NOT NULL,
    importing INTEGER NOT NULL DEFAULT 0 CHECK (importing IN (0, 1))
) STRICT;
