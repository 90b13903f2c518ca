-- Takes a job from those put aside. By primary key.
DELETE FROM scheduled WHERE job_id = :job
