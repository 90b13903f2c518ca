-- How many jobs are live.
SELECT count(*) FROM lease
