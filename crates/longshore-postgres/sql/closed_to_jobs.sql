-- Why the database is closed, if it is. Locks: none.
SELECT why FROM longshore.closed
