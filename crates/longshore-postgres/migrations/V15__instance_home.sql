-- Where a database was when it was given its name (instance): a copy of it has the same name, and the
-- same name in two places means that each takes the other's containers for its own. `doctor` compares.

-- This database among all: its server's identity, which initdb draws, and its number there. A dump that
-- is restored, a copy by template and a server made by initdb and pg_upgrade differ in it. A copy of the
-- whole server's files does not: nobody could tell by looking at one of them.
CREATE FUNCTION database_home() RETURNS text LANGUAGE sql STABLE SET search_path = longshore, pg_temp AS $$
    SELECT (SELECT system_identifier FROM pg_control_system()) || '/' ||
           (SELECT oid FROM pg_database WHERE datname = current_database())
$$;
REVOKE ALL ON FUNCTION database_home() FROM PUBLIC;

ALTER TABLE instance ADD COLUMN home text;
UPDATE instance SET home = database_home();
