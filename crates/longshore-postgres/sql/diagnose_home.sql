-- The name of this database, where it was when it was given that, and where it is. Names are qualified,
-- for the session may be one that was told nothing. Locks: none.
SELECT id, home, longshore.database_home() AS here FROM longshore.instance
