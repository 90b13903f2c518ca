-- Whether a file holds nothing yet.
SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)
