-- Marks the file as Longshore's ("LSHR"), so that other programs' files can be told from ours before
-- anything in them is touched. Part of the transaction, as everything in the header is.
PRAGMA application_id = 0x4C534852;
