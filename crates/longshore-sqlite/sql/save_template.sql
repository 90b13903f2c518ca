-- A new version of a template.
INSERT INTO template (name, version, body, created_at) VALUES (:name, :version, :body, :now)
