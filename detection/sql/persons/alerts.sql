-- Alerts of the lake with the persons' present keys, and the present addresses, also in their sentences.
-- Reads: stored_alerts, person_keys, person_labels. Rows of earlier versions have no person; a group has none.
SELECT
  s.* REPLACE (
    coalesce(l.label, s."user") AS "user",
    CASE WHEN l.label <> s."user" THEN replace(s.sentence, s."user", l.label) ELSE s.sentence END AS sentence,
    CASE WHEN s.users = 1 THEN coalesce(k.person, s.person, s."user") END AS person
  )
FROM stored_alerts s
LEFT JOIN person_keys k ON k.name = coalesce(s.person, s."user")
LEFT JOIN person_labels l ON l.person = coalesce(k.person, s.person)
