-- When the newest job was submitted. By primary key, from its end.
SELECT created_at FROM job ORDER BY id DESC LIMIT 1
