-- What a take-over needs to know of a lease, and hosts that are gone for good.
ALTER TABLE lease ADD COLUMN takeovers INTEGER NOT NULL DEFAULT 0;  -- by other workers
ALTER TABLE lease ADD COLUMN orphaned INTEGER NOT NULL DEFAULT 0;   -- of these, from dead ones
ALTER TABLE lease ADD COLUMN boot_id TEXT;                          -- the host's, when the handle was stored

ALTER TABLE host ADD COLUMN forgotten_at INTEGER;

ALTER TABLE queue ADD COLUMN on_host_lost TEXT NOT NULL DEFAULT 'wait'
    CHECK (on_host_lost IN ('wait', 'retry'));
