-- As fill_postgres.sql: a million jobs in all states and five queues; only the newest wait. :jobs is set
-- by run.sh.
-- To older versions a null is no valid JSON.
PRAGMA ignore_check_constraints = on;
BEGIN;
-- Only Longshore writes to its files: the clock of these is in newer versions of SQLite than Debian's command.
DROP TRIGGER change_ready;
DROP TRIGGER change_scheduled;
DROP TRIGGER change_launching;
DROP TRIGGER change_settled;
INSERT INTO queue (name, executor, created_at)
SELECT value, 'docker', unixepoch() * 1000000 FROM json_each('["main", "gpu", "rare", "empty"]');
CREATE TEMPORARY TABLE made AS
SELECT value AS n, value AS id,
       (SELECT q.id FROM queue AS q WHERE q.name = CASE WHEN value % 10007 = 0 AND value < :jobs / 2 THEN 'rare'
                                                        WHEN value % 7 = 0 THEN 'gpu' ELSE 'main' END) AS queue_id,
       CASE WHEN value > :jobs * 0.999 THEN 'scheduled' WHEN value > :jobs * 0.9985 THEN 'lease'
            WHEN value > :jobs * 0.95 THEN 'ready' ELSE 'settled' END AS place
FROM generate_series(1, :jobs);
CREATE INDEX temp.made_place ON made (place, n);
INSERT INTO job (id, created_at, queue_id, priority, spec)
SELECT id, (unixepoch() - (:jobs - n)) * 1000000, queue_id, 50,
       json_object('name', 'report-' || n, 'image', 'registry.example/reports:' || (n % 10),
                   'command', json_array('report', '--day', '' || n, '--format', 'pdf'))
FROM made;
INSERT INTO job_label (key, value, job_id)
SELECT 'special', 'yes', id FROM made WHERE n % 9973 = 0 AND n < :jobs / 2
UNION ALL
SELECT 'team', char(97 + n % 10), id FROM made WHERE n % 2 = 0 AND (n % 9973 <> 0 OR n >= :jobs / 2);
INSERT INTO ready (queue_id, lane, seq, job_id, attempt, tries, losses, reason)
SELECT queue_id, 101, n, id, 0, 0, 0, 'new' FROM made WHERE place = 'ready';
INSERT INTO scheduled (job_id, due_at, queue_id, lane, attempt, tries, losses, reason)
SELECT id, (unixepoch() + 86400) * 1000000, queue_id, 101, 0, 0, 0, 'delayed' FROM made WHERE place = 'scheduled';
INSERT INTO worker (id, started_at, heartbeat_at, lease_ttl_micros, pid, capacity, name, hostname, boot_id, version, queue_ids)
VALUES (1, unixepoch() * 1000000, unixepoch() * 1000000, 86400000000, 1, 1000, 'filler', 'filler', 'filler', 'filler', '[]');
INSERT INTO lease (job_id, token, slot, worker_id, acquire_no, claimed_at, started_at, queue_id, attempt, lane, tries, losses)
SELECT id, n, n, 1, 1, unixepoch() * 1000000, unixepoch() * 1000000, queue_id, 1, 101, 0, 0 FROM made WHERE place = 'lease';
INSERT INTO settled (job_id, at, queue_id, attempt, exit_code, state)
SELECT id, (unixepoch() - (:jobs - n)) * 1000000, queue_id, 1,
       CASE WHEN n % 100 < 90 THEN 0 WHEN n % 100 < 97 THEN n % 3 + 1 END,
       CASE WHEN n % 100 < 90 THEN 'completed' WHEN n % 100 < 97 THEN 'failed'
            WHEN n % 100 < 99 THEN 'timed_out' ELSE 'cancelled' END
FROM made WHERE place = 'settled';
INSERT INTO attempt (job_id, attempt, token, worker_id, claimed_at, started_at, ended_at, outcome, exit_code)
SELECT job_id, 1, job_id, 1, at, at, at, 'exited', coalesce(exit_code, 137) FROM settled;
INSERT INTO change (at, job_id, queue_id, state)
SELECT at, job_id, queue_id, state FROM settled;
COMMIT;
ANALYZE;
