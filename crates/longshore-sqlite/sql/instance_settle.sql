-- Notes which file this is and where, unless that is known.
UPDATE instance SET home = :home, path = :path WHERE home IS NULL
