-- Where the file was when it was given its name (instance): a copy of it has the same name, and the same
-- name in two places means that each takes the other's containers for its own. `doctor` compares.
-- Both are filled in when the file is opened: SQL can't ask which file it is in.
ALTER TABLE instance ADD COLUMN home TEXT;  -- the file's identity, which a move within its disk keeps
ALTER TABLE instance ADD COLUMN path TEXT;  -- where it was
