-- Why the file is closed, if it is.
SELECT why FROM closed
