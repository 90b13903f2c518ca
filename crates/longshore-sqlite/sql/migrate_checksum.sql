-- In which form a migration was applied.
SELECT checksum FROM refinery_schema_history WHERE version = :version
