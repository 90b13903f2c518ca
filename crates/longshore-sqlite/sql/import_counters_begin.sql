-- The same for one that has not.
INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)
