-- Leaves out :gap numbers of a table's rows; no row if none was ever given out.
UPDATE sqlite_sequence SET seq = seq + :gap WHERE name = :table
