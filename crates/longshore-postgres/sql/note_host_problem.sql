-- Notes what keeps a worker from reaching a host. No row if there is none such.
-- Locks: the host's row. Index: host_pkey.
UPDATE host SET problem = $2 WHERE id = $1 RETURNING id
