-- Notes that the file is closed, and why.
INSERT INTO closed (why, at) VALUES (:why, :now)
ON CONFLICT (only_one) DO UPDATE SET why = excluded.why, at = excluded.at
