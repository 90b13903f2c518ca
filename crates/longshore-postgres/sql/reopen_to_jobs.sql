-- Opens the database again. Locks: the tables of jobs, exclusively.
SELECT reopen_to_jobs()
