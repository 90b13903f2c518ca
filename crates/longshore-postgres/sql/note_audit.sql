-- Lines of the audit log, in the order of the arrays: $1 who, $2 by which token, $3 from which address, $4 what
-- was asked, $5 of what, $6 what came of it. Locks: none.
INSERT INTO audit (who, token, address, action, subject, status)
SELECT n.who, n.token, n.address, n.action, n.subject, n.status
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[])
    WITH ORDINALITY AS n(who, token, address, action, subject, status, place)
ORDER BY n.place
