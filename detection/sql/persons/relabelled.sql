-- Stored alerts, ledger or reviews with the present key and address of each person.
-- Reads: stored (with "user" and person), person_keys, person_labels. Rows of earlier versions have no person.
SELECT
  s.* REPLACE (
    coalesce(l.label, s."user") AS "user",
    coalesce(k.person, s.person) AS person
  )
FROM stored s
LEFT JOIN person_keys k ON k.name = coalesce(s.person, s."user")
LEFT JOIN person_labels l ON l.person = coalesce(k.person, s.person)
