-- Stored rows with the present keys of their persons; a person may have had another key when the rows were written.
-- Reads: stored, person_keys.
SELECT s.* REPLACE (coalesce(k.person, s."user") AS "user")
FROM stored s
LEFT JOIN person_keys k ON k.name = s."user"
