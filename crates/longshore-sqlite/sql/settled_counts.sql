-- Jobs that ended in a state, counted no further than :cap. Index settled_state.
SELECT count(*) FROM (SELECT 1 FROM settled WHERE state = :state LIMIT :cap)
