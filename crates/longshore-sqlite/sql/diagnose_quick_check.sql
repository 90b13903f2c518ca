-- Whether the file's pages hang together; at most ten complaints.
PRAGMA quick_check(10)
