-- A million jobs in all states and five queues; only the newest wait. Run as: psql -v jobs=1000000 -f …
SET search_path = longshore;
INSERT INTO queue (name, executor) VALUES ('main', 'docker'), ('gpu', 'docker'), ('rare', 'docker'), ('empty', 'docker');
CREATE TEMPORARY TABLE made AS
SELECT n, nextval('job_id') AS id,
       (SELECT q.id FROM queue AS q WHERE q.name = CASE WHEN n % 10007 = 0 AND n < :jobs / 2 THEN 'rare'
                                                        WHEN n % 7 = 0 THEN 'gpu' ELSE 'main' END) AS queue_id,
       CASE WHEN n > :jobs * 0.999 THEN 'scheduled' WHEN n > :jobs * 0.9985 THEN 'lease'
            WHEN n > :jobs * 0.95 THEN 'ready' ELSE 'settled' END AS place
FROM generate_series(1, :jobs) AS n ORDER BY n;
INSERT INTO job (id, created_at, queue_id, priority, labels, spec)
SELECT id, now() - (:jobs - n) * interval '1 second', queue_id, 50,
       CASE WHEN n % 9973 = 0 AND n < :jobs / 2 THEN '{"special": "yes"}'::jsonb
            WHEN n % 2 = 0 THEN jsonb_build_object('team', chr(97 + n % 10)) END,
       jsonb_build_object('name', 'report-' || n, 'image', 'registry.example/reports:' || (n % 10),
                          'command', jsonb_build_array('report', '--day', n::text, '--format', 'pdf'))
FROM made;
INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
SELECT nextval('ready_seq'), id, queue_id, 0, 'new', 101, 0, 0 FROM made WHERE place = 'ready' ORDER BY n;
INSERT INTO scheduled (job_id, due_at, queue_id, attempt, reason, lane, tries, losses)
SELECT id, now() + interval '1 day', queue_id, 0, 'delayed', 101, 0, 0 FROM made WHERE place = 'scheduled';
INSERT INTO worker (lease_ttl, pid, capacity, name, hostname, boot_id, version, queue_ids)
VALUES ('1 day', 1, 1000, 'filler', 'filler', 'filler', 'filler', '{}');
INSERT INTO lease (job_id, token, slot, worker_id, acquire_no, claimed_at, started_at, queue_id, attempt, lane, tries, losses)
SELECT id, nextval('lease_token'), nextval('lease_slot'), 1, 1, now(), now(), queue_id, 1, 101, 0, 0
FROM made WHERE place = 'lease';
INSERT INTO settled (job_id, at, queue_id, attempt, exit_code, state)
SELECT id, now() - (:jobs - n) * interval '1 second', queue_id, 1, CASE WHEN n % 100 < 90 THEN 0 WHEN n % 100 < 97 THEN n % 3 + 1 END,
       (CASE WHEN n % 100 < 90 THEN 'completed' WHEN n % 100 < 97 THEN 'failed'
             WHEN n % 100 < 99 THEN 'timed_out' ELSE 'cancelled' END)::terminal_state
FROM made WHERE place = 'settled';
INSERT INTO attempt (job_id, token, worker_id, claimed_at, started_at, ended_at, attempt, outcome, exit_code)
SELECT id, nextval('lease_token'), 1, now(), now(), now(), 1, 'exited', coalesce(s.exit_code, 137)
FROM made JOIN settled AS s ON s.job_id = made.id;
VACUUM ANALYZE;
