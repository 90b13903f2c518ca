-- The same for the ids of a table that has given out some.
UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = :table
