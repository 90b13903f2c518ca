-- Gives a job that was put aside another lane; its state stays, so this is no insert, which
-- the feed of changes would tell of. By primary key.
UPDATE scheduled SET lane = :lane WHERE job_id = :job
