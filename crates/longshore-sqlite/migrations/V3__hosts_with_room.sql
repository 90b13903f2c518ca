-- Hosts with room for so much, and what each lease takes of it; which hosts a worker launches on; what
-- a launch says of itself. A host of before bounds nothing but what `capacity` bounded: its slots.
ALTER TABLE host RENAME COLUMN capacity TO slots;
ALTER TABLE host ADD COLUMN memory_bytes INTEGER CHECK (memory_bytes >= 0);
ALTER TABLE host ADD COLUMN millicpus INTEGER CHECK (millicpus >= 0);
ALTER TABLE host ADD COLUMN problem TEXT;

ALTER TABLE worker ADD COLUMN host_ids TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(host_ids));

ALTER TABLE lease ADD COLUMN memory_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lease ADD COLUMN millicpus INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lease ADD COLUMN note TEXT;
