-- For counting the jobs that ended lately. Rows join in the order of this time, so that a few bytes for each
-- stretch of pages tell where it stands: nothing that a finish would notice.
-- Locks: settled against writes, for as long as it takes to read it once.
CREATE INDEX settled_at ON settled USING brin (at) WITH (pages_per_range = 16, autosummarize = on);
