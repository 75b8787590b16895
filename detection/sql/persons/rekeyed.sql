-- Stored rows by the present keys of their persons, which others may have had when the rows were written.
-- Reads: stored, person_keys.
SELECT s.* REPLACE (coalesce(k.person, s."user") AS "user")
FROM stored s
LEFT JOIN person_keys k ON k.name = s."user"
