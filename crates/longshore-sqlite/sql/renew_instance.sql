-- Notes that the file's name is at home here, with :fresh under a new name.
UPDATE instance SET home = :home, path = :path,
    id = CASE WHEN :fresh THEN lower(hex(randomblob(6))) ELSE id END
RETURNING id
