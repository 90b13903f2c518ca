-- The random name of this database.
SELECT id FROM instance
