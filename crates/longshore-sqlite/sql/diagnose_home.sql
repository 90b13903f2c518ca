-- The name of this file, and which file it was and where when it was given that.
SELECT id, home, path FROM instance
