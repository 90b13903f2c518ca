-- The random name of this database. Locks: none.
SELECT id FROM instance
