-- Notes what keeps a worker from reaching a host. By primary key.
UPDATE host SET problem = :problem WHERE id = :host
