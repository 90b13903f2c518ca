-- Notes that the file is open.
DELETE FROM closed
