-- Notes that a migration was applied, in the transaction that applied it.
INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
VALUES (:version, :name, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), :checksum)
