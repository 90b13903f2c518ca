-- Ended jobs by how they ended; each count stops at $1. Locks: none. Index: settled_state.
SELECT state::text AS state,
       (SELECT count(*) FROM (SELECT FROM settled AS s WHERE s.state = terminal.state LIMIT $1) AS c) AS jobs
FROM unnest(enum_range(NULL::terminal_state)) AS terminal(state)
